/// The base models' raw log-odds for some examples, with the examples' labels and weights.
struct BaseModelPredictions {
    /// One array for each base model, a value an example: logistic regression, random forest, XGBoost.
    var logOdds: [[Double]]
    /// One label an example.
    var labels: [Bool]
    /// One weight an example.
    var weights: [Double]
}
