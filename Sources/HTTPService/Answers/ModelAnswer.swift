import Ensemble
import Events
import Features

/// What `GET /v1/model` and `GET /v1/features` say: the artifact's own words, written once.
enum ModelAnswer {
    static func json(_ artifact: ModelArtifact) -> [UInt8] {
        let manifest = artifact.manifest
        return JSONWriter.text { writer in
            writer.object { writer in
                writer.key("version")
                writer.string(manifest.version)
                writer.key("serving_model")
                writer.string(manifest.servingModel.rawValue)
                writer.key("models")
                writer.array(of: artifact.ensemble.models) { $0.string($1.rawValue) }
                writer.key("trained_until")
                writer.string(manifest.trainedUntil)
                writer.key("training_points")
                writer.integer(manifest.trainingExamples)
                writer.key("history")
                history(manifest.history, &writer)
                writer.key("schema_fingerprint")
                writer.string(manifest.schemaFingerprint)
                writer.key("windows_days")
                writer.array(of: manifest.windowsDays) { $0.integer($1) }
                writer.key("horizon_days")
                writer.integer(manifest.horizonDays)
                writer.key("time_to_live_days")
                writer.integer(manifest.timeToLiveDays)
                writer.key("weights")
                weights(manifest.weights, &writer)
                writer.key("made_with")
                writer.object { writer in
                    for (name, version) in manifest.madeWith.sorted(by: { $0.key < $1.key }) {
                        writer.key(name)
                        writer.string(version)
                    }
                }
                writer.key("results")
                writer.raw(artifact.results)
            }
        }
    }

    static func features(_ schema: FeatureSchema) -> [UInt8] {
        JSONWriter.text { writer in
            writer.object { writer in
                writer.key("schema_fingerprint")
                writer.string(schema.fingerprint)
                writer.key("features")
                writer.array(of: Feature.allCases) { writer, feature in
                    writer.object { writer in
                        writer.key("position")
                        writer.integer(feature.rawValue)
                        writer.key("name")
                        writer.string(schema.name(of: feature))
                        writer.key("definition")
                        writer.string(feature.definition(for: schema.horizon))
                    }
                }
            }
        }
    }

    private static func history(_ history: Manifest.History, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("sha256")
            writer.string(history.sha256)
            writer.key("events")
            writer.integer(history.events)
            writer.key("anonymous_events")
            writer.integer(history.anonymousEvents)
            writer.key("customers")
            writer.integer(history.customers)
            writer.key("first_event")
            writer.string(history.firstEvent)
            writer.key("last_event")
            writer.string(history.lastEvent)
        }
    }

    private static func weights(_ weights: [String: LogOddsWeights], _ writer: inout JSONWriter) {
        writer.object { writer in
            for model in ModelName.all {
                guard let weights = weights[model.rawValue] else { continue }
                writer.key(model.rawValue)
                writer.object { writer in
                    for (name, value) in [
                        ("intercept", weights.intercept), ("logistic_regression", weights.logisticRegression),
                        ("random_forest", weights.randomForest), ("xgboost", weights.xgboost),
                    ] {
                        writer.key(name)
                        writer.number(value)
                    }
                }
            }
        }
    }
}
