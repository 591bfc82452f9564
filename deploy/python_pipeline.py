"""The retrain job in Python: what `trainer train` does without checks, intervals, gate, and backtest, for comparison.

    python deploy/python_pipeline.py --history online-retail.csv.gz [--threads 2] [--json]

Needs numpy, pandas, scipy, scikit-learn and xgboost 3. Settings are those of config/trainer.yaml. What is a plain sum
or maximum over a customer's past is computed for all events at once; windows with distinct counts and the rhythm of
purchase days come from a walk over the events with one state a customer. Events of a customer must be in order of time.
"""

import argparse
import json
import resource
import time
from bisect import bisect_right
from contextlib import contextmanager

import numpy as np
import pandas as pd
import xgboost
from joblib import Parallel, delayed
from scipy.optimize import brentq, minimize
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

DAY = 86_400_000  # milliseconds
HORIZON_DAYS = 30
HORIZON = HORIZON_DAYS * DAY
NEVER = np.iinfo(np.int64).max

SEED = 20111
TEST_DAYS = 99
TEST_SNAPSHOT_OFFSETS_DAYS = [0, 14, 30, 44, 61]
SNAPSHOT_WARMUP_DAYS, SNAPSHOT_EVERY_DAYS = 45, 7
EVENT_SHARE, INVOICE_SHARE, SNAPSHOT_SHARE = 0.3, 0.2, 0.5
POINT_HALF_LIFE_DAYS, LEVEL_HALF_LIFE_DAYS = 90, 60
FOLDS = 4
RIDGE = 0.01
WITHHELD = ["avg_month", "std_month"]
COMMON = dict(tree_method="hist", max_bin=128, base_score=0.5, random_state=SEED, n_jobs=1)
FOREST = dict(
    n_estimators=60, max_depth=8, learning_rate=1, min_child_weight=60, subsample=0.5, colsample_bynode=0.08,
    reg_lambda=1)
BOOSTED = dict(
    n_estimators=110, max_depth=4, learning_rate=0.06, min_child_weight=100, subsample=0.6, colsample_bytree=0.2,
    reg_lambda=50)
MODELS = ["logistic_regression", "random_forest", "xgboost", "stacking", "blending"]


# Reading


def read_history(path):
    """All events in file order; texts as categories, time in milliseconds, money in ten-thousandths."""
    texts = ["InvoiceNo", "StockCode", "Description", "CustomerID", "Country"]
    raw = pd.read_csv(
        path, dtype=dict.fromkeys(texts, "category"), parse_dates=["InvoiceDate"], keep_default_na=False,
        na_values=[""])
    cancelled_invoices = raw.InvoiceNo.cat.categories.str.lower().str.startswith("c")
    cancelled = (raw.Quantity < 0) | cancelled_invoices[raw.InvoiceNo.cat.codes]
    return pd.DataFrame({
        "customer": raw.CustomerID.cat.codes.astype("int32"),
        "invoice": raw.InvoiceNo.cat.codes.astype("int32"),
        "product": raw.StockCode.cat.codes.astype("int32"),
        "description": raw.Description.cat.codes.astype("int32"),
        "country": raw.Country,
        "time": raw.InvoiceDate.astype("datetime64[ms]").astype("int64"),
        "quantity": raw.Quantity,
        "amount": raw.Quantity * (raw.UnitPrice * 10_000).round().astype("int64"),
        "cancelled": cancelled,
        "purchase": ~cancelled & (raw.Quantity > 0) & (raw.UnitPrice > 0),
    })


# Periods


class Periods:
    """TRAIN, TEST and the cut-offs of snapshots, counted back from the end of the history."""

    def __init__(self, first, last):
        self.start, self.end = first, last
        self.split = (last - TEST_DAYS * DAY) // DAY * DAY
        self.last_known = last - HORIZON
        warm = first // DAY * DAY + SNAPSHOT_WARMUP_DAYS * DAY
        self.regular = np.arange(warm, self.last_known + 1, SNAPSHOT_EVERY_DAYS * DAY)
        tests = self.split + np.array(TEST_SNAPSHOT_OFFSETS_DAYS) * DAY
        self.tests = tests[tests <= self.last_known]
        self.cut_offs = np.union1d(self.regular, self.tests)

    def is_train(self, points):
        return (points.time + HORIZON <= self.split) & (~points.snapshot | points.time.isin(self.regular))

    def is_test(self, points):
        inside = (self.split <= points.time) & (points.time <= self.last_known)
        return inside & (~points.snapshot | points.time.isin(self.tests))

    def blocks(self):
        """The last 60 % of TRAIN in blocks of equal length, oldest first."""
        end = self.split - HORIZON + 1
        length = (end - self.start) * 6 // 10 // FOLDS
        return [(end - k * length, end - (k - 1) * length) for k in range(FOLDS, 0, -1)]


# Features: what a running sum or maximum gives


def running_columns(events):
    """For each event what is known of its customer then: sums and extremes over the past, and the basket."""
    customer = events.customer
    by_customer = events.groupby("customer", sort=False)
    purchase, day = events.purchase, events.time // DAY
    weekday = (day + 3) % 7
    month = pd.to_datetime(events.time, unit="ms").dt.month.astype("int64")
    bought = pd.DataFrame({
        "lines": purchase.astype("int64"),
        "units": events.quantity.where(purchase, 0),
        "spend": events.amount.where(purchase, 0),
        "returns": events.cancelled.astype("int64"),
        "return_amount": events.amount.abs().where(events.cancelled, 0),
    })
    sums = bought.assign(
        events=1, weekday=weekday, weekday_squared=weekday**2, month=month, month_squared=month**2,
        weekend=(weekday >= 5).astype("int64"))
    running = sums.groupby(customer, sort=False).cumsum()
    running["first_event"] = by_customer.time.transform("first")
    running["first_purchase"] = events.time.where(purchase, NEVER).groupby(customer, sort=False).cummin()
    running["last_purchase"] = events.time.where(purchase, -NEVER).groupby(customer, sort=False).cummax()
    running["last_return"] = events.time.where(events.cancelled, -NEVER).groupby(customer, sort=False).cummax()

    # A basket is a customer's events until their invoice number changes.
    changes = events.invoice != by_customer.invoice.shift(fill_value=-1)
    basket = changes.groupby(customer, sort=False).cumsum() + customer.astype("int64") * (len(events) + 1)
    in_basket = bought.groupby(basket, sort=False).cumsum()
    for name in ["lines", "units", "spend", "returns"]:
        running["basket_" + name] = in_basket[name]
    running["basket_events"] = basket.groupby(basket, sort=False).cumcount() + 1
    running["largest_basket"] = in_basket.spend.groupby(customer, sort=False).cummax()
    return running, bought


# Features: what needs a state

WINDOW_DAYS = [7, 30, 60, 90, 180, 365]
WINDOWS = [days * DAY for days in WINDOW_DAYS]
LIFETIME = len(WINDOWS)
# Sums over a window, then distinct counts.
SUMS = ["lines", "units", "spend", "returns", "return_amount"]
DISTINCT = ["purchase_invoices", "purchase_days", "invoices", "products", "descriptions"]
PURCHASE_INVOICES, PURCHASE_DAYS, INVOICES, PRODUCTS, DESCRIPTIONS = range(len(SUMS), len(SUMS) + len(DISTINCT))
WIDTH = len(SUMS) + len(DISTINCT)
HALF_LIVES_DAYS = [45, 90, 180]
RHYTHM = [
    "previous_purchase_day_days", "gap_hazard_30d", "decayed_purchase_days_45d", "decayed_purchase_days_90d",
    "decayed_purchase_days_180d", "last_gap_days", "mean_gap_days", "median_gap_days", "std_gap_days", "min_gap_days",
    "max_gap_days"]
NAN = float("nan")


class Moment:
    """What a customer did at one instant; a distinct thing counts at its latest occurrence."""

    __slots__ = ("time", "counts", "invoices", "purchase_invoices")

    def __init__(self, time):
        self.time = time
        self.counts = np.zeros(WIDTH)
        self.invoices = set()
        self.purchase_invoices = set()


class CustomerState:
    """Sliding windows and purchase days of one customer, one event at a time."""

    __slots__ = (
        "totals", "moments", "starts", "latest", "days", "gaps", "gap_figures", "rhythm_row", "cut_off", "event")

    def __init__(self):
        # A row a window; the last one is the lifetime, which nothing leaves.
        self.totals = np.zeros((LIFETIME + 1, WIDTH))
        self.moments = []
        self.starts = [0] * len(WINDOWS)
        self.latest = {}
        self.days = []
        self.gaps = []
        self.gap_figures = (NAN,) * 6
        self.rhythm_row = (None, -1)
        self.cut_off = 0
        self.event = -1

    def advance(self, time):
        """Takes out of each window what has left it by a time."""
        moments = self.moments
        for window, length in enumerate(WINDOWS):
            start = self.starts[window]
            while start < len(moments) and moments[start].time <= time - length:
                self.totals[window] -= moments[start].counts
                start += 1
            self.starts[window] = start

    def add(self, time, day, invoice, product, description, purchase, step):
        """Takes in an event."""
        if not self.moments or self.moments[-1].time != time:
            self.advance(time)
            self.moments.append(Moment(time))
        moment = self.moments[-1]
        moment.counts += step
        self.totals += step
        if invoice not in moment.invoices:
            moment.invoices.add(invoice)
            self.count(INVOICES, invoice, moment)
        if purchase:
            if invoice not in moment.purchase_invoices:
                moment.purchase_invoices.add(invoice)
                self.count(PURCHASE_INVOICES, invoice, moment)
                self.count(PURCHASE_DAYS, day, moment)
                if not self.days or self.days[-1] != day:
                    self.add_day(day)
            self.count(PRODUCTS, product, moment)
            if description >= 0:
                self.count(DESCRIPTIONS, description, moment)

    def count(self, kind, key, moment):
        """Counts a thing in the windows that do not hold it yet."""
        key = key * WIDTH + kind
        previous = self.latest.get(key)
        if previous is moment:
            return
        self.latest[key] = moment
        absent = LIFETIME + 1
        if previous is not None:
            previous.counts[kind] -= 1
            absent = bisect_right(WINDOWS, moment.time - previous.time)
            if absent == len(WINDOWS):
                absent += 1
        moment.counts[kind] += 1
        if absent:
            self.totals[:absent, kind] += 1

    def add_day(self, day):
        """A new purchase day, and the gaps between those of a year."""
        self.days = self.days[bisect_right(self.days, day - WINDOW_DAYS[-1]):] + [day]
        self.rhythm_row = (None, -1)
        gaps = [later - earlier for earlier, later in zip(self.days, self.days[1:])]
        if not gaps:
            self.gaps, self.gap_figures = [], (NAN,) * 6
            return
        count, last = len(gaps), gaps[-1]
        gaps.sort()
        mean = sum(gaps) / count
        variance = sum(gap * gap for gap in gaps) / count - mean * mean
        median = (gaps[(count - 1) // 2] + gaps[count // 2]) / 2
        self.gaps = gaps
        self.gap_figures = (last, mean, median, max(variance, 0) ** 0.5, gaps[0], gaps[-1])

    def rhythm(self, today):
        """The `RHYTHM` columns on a day."""
        if not self.days:
            return (NAN, 0.5, 0, 0, 0) + self.gap_figures
        waited = today - self.days[-1]
        previous = NAN
        if waited:
            previous = waited
        elif len(self.days) > 1:
            previous = today - self.days[-2]
        survived = bisect_right(self.gaps, waited)
        ended = bisect_right(self.gaps, waited + HORIZON_DAYS) - survived
        hazard = (ended + 1) / (len(self.gaps) - survived + 2)
        ages = [today - day for day in self.days if today - day < WINDOW_DAYS[-1]]
        return (previous, hazard, *(sum(weight[age] for age in ages) for weight in DECAY)) + self.gap_figures


DECAY = [[0.5 ** (age / half_life) for age in range(WINDOW_DAYS[-1] + 1)] for half_life in HALF_LIVES_DAYS]


def walk(events, bought, periods):
    """Walks the events in order, and gives a point for each event and each customer at each cut-off.

    Returns the points, the windows' totals for each of them, and the `RHYTHM` columns for each.
    """
    cut_offs = periods.cut_offs.tolist() + [NEVER]
    states = [CustomerState() for _ in range(events.customer.max() + 1)]
    capacity = len(events) + len(states) * len(cut_offs)
    totals = np.empty((capacity, (LIFETIME + 1) * WIDTH), dtype=np.float32)
    event_of, times, snapshots, rhythms, rhythm_of = [], [], [], [], []

    def point(state, event, time, snapshot):
        totals[len(times)] = state.totals.reshape(-1)
        today = time // DAY
        if state.rhythm_row[0] != today:
            state.rhythm_row = (today, len(rhythms))
            rhythms.append(state.rhythm(today))
        rhythm_of.append(state.rhythm_row[1])
        event_of.append(event)
        times.append(time)
        snapshots.append(snapshot)

    def take_snapshots(state, before):
        """Snapshots of a customer at the cut-offs before their next event, once there is a purchase before."""
        while cut_offs[state.cut_off] < before:
            cut_off = cut_offs[state.cut_off]
            state.cut_off += 1
            if state.days and first_purchase[state.event] < cut_off:
                state.advance(cut_off)
                point(state, state.event, cut_off, True)

    steps = np.zeros((len(events), WIDTH))
    steps[:, :len(SUMS)] = bought[SUMS]
    first_purchase = events.first_purchase.to_numpy()
    names = ["customer", "time", "invoice", "product", "description", "purchase"]
    columns = [events[name].tolist() for name in names]
    for event, (customer, time, invoice, product, description, purchase) in enumerate(zip(*columns)):
        state = states[customer]
        if cut_offs[state.cut_off] < time:
            take_snapshots(state, before=time)
        state.add(time, time // DAY, invoice, product, description, purchase, steps[event])
        state.event = event
        if time <= periods.last_known:
            point(state, event, time, False)
    for state in states:
        take_snapshots(state, before=NEVER)

    points = pd.DataFrame({"event": event_of, "time": times, "snapshot": snapshots})
    return points, totals[:len(points)], np.array(rhythms, dtype=np.float32)[rhythm_of]


# Features: all together

FEATURES = 91


def ratio(part, whole):
    """NaN over nothing."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole != 0)


def deviation(count, total, squares):
    """Standard deviation from sums of whole numbers."""
    return np.sqrt(np.maximum(count * squares - total * total, 0)) / count


def days_between(start, end):
    """Days, NaN where the start never was."""
    return np.where(np.abs(start) == NEVER, np.nan, (end - start) / DAY)


def country_ranks(events, until):
    """For each event the rank of its country by customers seen in it up to a time; unseen ones come last."""
    seen = events.loc[events.time <= until, ["customer", "country"]].drop_duplicates()
    counts = seen.country.value_counts()
    order = sorted(counts.index[counts > 0], key=lambda country: (-counts[country], country))
    ranks = {country: rank for rank, country in enumerate(order)}
    categories = np.array([ranks.get(country, len(order)) for country in events.country.cat.categories])
    return np.where(events.country.cat.codes < 0, np.nan, categories[events.country.cat.codes])


def feature_matrix(points, running, totals, rhythm, country):
    """One row a point, one column a feature, 32-bit floats; and the columns' names."""
    event, now = points.event.to_numpy(), points.time.to_numpy()
    past = {name: running[name].to_numpy()[event] for name in running}
    place = {name: index for index, name in enumerate(SUMS + DISTINCT)}
    rhythms = {name: rhythm[:, index].astype(float) for index, name in enumerate(RHYTHM)}

    def window(name, days):
        index = LIFETIME if days is None else WINDOW_DAYS.index(days)
        return totals[:, index * WIDTH + place[name]].astype(float)

    money = 10_000
    names = []
    matrix = np.empty((len(points), FEATURES), dtype=np.float32)

    def put(name, values):
        matrix[:, len(names)] = values
        names.append(name)
        return values

    spend, returned = past["spend"] / money, past["return_amount"] / money
    invoices, days = window("purchase_invoices", None), window("purchase_days", None)
    recency = put("recency_days", days_between(past["last_purchase"], now))
    put("previous_purchase_day_days", rhythms["previous_purchase_day_days"])
    put("last_gap_days", rhythms["last_gap_days"])
    put("customer_lifetime_days", days_between(past["first_event"], now))
    age = put("purchase_lifetime_days", days_between(past["first_purchase"], now))
    put("days_since_last_return", days_between(past["last_return"], now))
    put("frequency", invoices)
    put("purchase_days", days)
    put("total_transactions", past["events"])
    put("monetary", window("spend", 365) / money)
    put("total_monetary", spend)
    put("unique_invoices", window("invoices", 365))
    put("unique_products", window("products", 365))
    put("unique_descriptions", window("descriptions", 365))
    put("avg_basket_size", ratio(past["units"], invoices))
    put("avg_basket_value", ratio(spend, invoices))
    put("avg_basket_lines", ratio(past["lines"], invoices))
    put("max_basket_value", past["largest_basket"] / money)
    put("avg_unit_price", ratio(spend, past["units"]))
    put("invoices_per_purchase_day", ratio(invoices, days))
    put("repeat_line_ratio", ratio(past["lines"] - window("products", None), past["lines"]))
    for length in WINDOW_DAYS:
        put(f"freq_{length}d", window("purchase_invoices", length))
    for length in WINDOW_DAYS:
        put(f"purchase_days_{length}d", window("purchase_days", length))
    for length in WINDOW_DAYS:
        put(f"transactions_{length}d", window("lines", length))
    for length in WINDOW_DAYS[:5]:
        put(f"spend_{length}d", window("spend", length) / money)
    for name, column, lengths in [
        ("units", "units", [30, 90]), ("products", "products", [30, 90, 180]), ("returns", "returns", [30, 90, 365])]:
        for length in lengths:
            put(f"{name}_{length}d", window(column, length))
    put("return_amount_90d", window("return_amount", 90) / money)
    for name, column in [("spend", "spend"), ("freq", "purchase_invoices")]:
        for short, long in [(30, 90), (90, 180)]:
            put(f"{name}_ratio_{short}d_{long}d", ratio(window(column, short), window(column, long)))
    put("total_returns", past["returns"])
    put("return_rate", past["returns"] / past["events"])
    put("return_amount", returned)
    put("net_amount", spend - returned)
    put("country", country[event])

    for name, column in [("day_of_week", "weekday"), ("month", "month")]:
        put(f"avg_{name}", past[column] / past["events"])
        put(f"std_{name}", deviation(past["events"], past[column], past[column + "_squared"]))
    put("weekend_ratio", past["weekend"] / past["events"])

    exposure = age + 60
    rate = put("purchase_rate", (days - 0.3) / exposure)
    put("expected_purchases_30d", rate * HORIZON_DAYS)
    put("purchase_probability_30d", 1 - (exposure / (exposure + HORIZON_DAYS)) ** (days - 0.3))
    for half_life in HALF_LIVES_DAYS:
        put(f"decayed_purchase_days_{half_life}d", rhythms[f"decayed_purchase_days_{half_life}d"])
    for half_life in HALF_LIVES_DAYS:
        seen = np.clip(np.nan_to_num(age), 0, WINDOW_DAYS[-1])
        decayed_exposure = half_life / np.log(2) * (1 - 0.5 ** (seen / half_life))
        decayed = rhythms[f"decayed_purchase_days_{half_life}d"]
        put(f"decayed_rate_{half_life}d", (decayed + 0.5) / (decayed_exposure + 60))

    for name in ["mean", "median", "std", "min", "max"]:
        put(f"{name}_gap_days", rhythms[f"{name}_gap_days"])
    put("gap_variation", rhythms["std_gap_days"] / rhythms["mean_gap_days"])
    put("recency_over_mean_gap", recency / rhythms["mean_gap_days"])
    put("recency_over_median_gap", recency / rhythms["median_gap_days"])
    put("last_gap_over_mean_gap", rhythms["last_gap_days"] / rhythms["mean_gap_days"])
    put("gap_hazard_30d", rhythms["gap_hazard_30d"])

    basket_value = past["basket_spend"] / money
    put("basket_lines", past["basket_lines"])
    put("basket_units", past["basket_units"])
    put("basket_value", basket_value)
    put("basket_returns", past["basket_returns"])
    put("basket_value_over_average", ratio(basket_value, ratio(spend, invoices)))
    return matrix, names


def labels(points, events):
    """Whether the customer buys on another invoice after t, up to t + 30 days."""
    bought = events[events.purchase]
    span = np.int64(1) << 42  # more than any time in milliseconds

    def count(keys, own, times):
        """Purchase lines of a key in (t, t + 30 days]."""
        timeline = np.sort(keys.to_numpy(dtype="int64") * span + bought.time.to_numpy())
        start = own.to_numpy(dtype="int64") * span + times
        return np.searchsorted(timeline, start + HORIZON, "right") - np.searchsorted(timeline, start, "right")

    times = points.time.to_numpy()
    pairs = events.groupby(["customer", "invoice"], sort=False).ngroup()
    any_invoice = count(bought.customer, points.customer, times)
    same_invoice = count(pairs[events.purchase], pairs.iloc[points.event], times)
    return any_invoice > np.where(points.snapshot, 0, same_invoice)


def make_points(events, periods):
    """Points with their labels, the feature matrix, and the features' names."""
    if (events.time < events.groupby("customer", sort=False).time.cummax()).any():
        raise SystemExit("error: a customer's events are not in order of time")
    running, bought = running_columns(events)
    points, totals, rhythm = walk(events.assign(first_purchase=running.first_purchase), bought, periods)
    country = country_ranks(events, periods.split - HORIZON)
    matrix, names = feature_matrix(points, running, totals, rhythm, country)
    last = ~events.duplicated(["customer", "invoice"], keep="last").to_numpy()
    points["customer"] = events.customer.to_numpy()[points.event]
    points["last_of_invoice"] = last[points.event] & ~points.snapshot
    points["position"] = running.basket_events.to_numpy()[points.event]
    points["label"] = labels(points, events)
    return points, matrix, names


# Training


def age_weights(weights, times, half_life_days):
    """Weights halved for so many days of age, with a mean of 1."""
    aged = weights * 0.5 ** ((times.max() - times) / DAY / half_life_days)
    return aged / aged.mean()


def training_set(points, periods):
    """Places of the points to learn from, and their weights.

    Of an invoice's events those at 1, 2, 4, 8, ... and the last stand for the ones since the position before.
    """
    train = points[periods.is_train(points)]
    events = train[~train.snapshot]
    power = 2 ** np.floor(np.log2(train.position)).astype("int64")
    is_power = power == train.position
    stands_for = train.position - np.where(is_power, train.position // 2, power)
    roots = np.sqrt(events.groupby("customer").size())
    root = train.customer.map(roots)
    weights = EVENT_SHARE * stands_for / root / roots.sum()
    weights += train.last_of_invoice * INVOICE_SHARE / train.last_of_invoice.sum()
    weights = weights.where(~train.snapshot, SNAPSHOT_SHARE / train.snapshot.sum())
    weights = weights[train.snapshot | is_power | train.last_of_invoice]
    places = weights.index.to_numpy()
    return places, age_weights(weights.to_numpy(), points.time.to_numpy()[places], POINT_HALF_LIFE_DAYS)


# Shares, rates and means; everything else is taken by its logarithm.
PLAIN = [
    "repeat_line_ratio", "spend_ratio_30d_90d", "spend_ratio_90d_180d", "freq_ratio_30d_90d", "freq_ratio_90d_180d",
    "return_rate", "country", "avg_day_of_week", "std_day_of_week", "weekend_ratio", "purchase_probability_30d",
    "gap_hazard_30d", "gap_variation", "invoices_per_purchase_day"]


def signed_log(values):
    return np.copysign(np.log1p(np.abs(values)), values)


def clipped(values):
    return np.clip(values, -4, 4)


def fit_member(member, names, rows, target, weights):
    """One fitted member."""
    if member == "random_forest":
        return xgboost.XGBRFClassifier(**FOREST, **COMMON).fit(rows, target, sample_weight=weights)
    if member == "xgboost":
        return xgboost.XGBClassifier(**BOOSTED, **COMMON).fit(rows, target, sample_weight=weights)
    skewed = [index for index, name in enumerate(names) if name not in PLAIN]
    model = make_pipeline(
        ColumnTransformer([("log", FunctionTransformer(signed_log), skewed)], remainder="passthrough"),
        StandardScaler(), FunctionTransformer(clipped),
        SimpleImputer(strategy="constant", fill_value=0, add_indicator=True),
        LogisticRegression(C=1 / (RIDGE * weights.sum()), solver="newton-cholesky"))
    return model.fit(
        rows, target, standardscaler__sample_weight=weights, logisticregression__sample_weight=weights)


def margins(members, rows):
    """Log-odds by each of the three members, a column each."""
    logistic, forest, boosted = members
    return np.column_stack([
        logistic.decision_function(rows), forest.predict(rows, output_margin=True),
        boosted.predict(rows, output_margin=True)])


def weighted_log_loss(margin, target, weights):
    return np.sum(weights * (np.logaddexp(0, margin) - target * margin))


def level(margin, target, weights):
    """The intercept at which the mean probability is the positive rate."""
    return brentq(lambda shift: np.sum(weights * (expit(margin + shift) - target)), -20, 20)


def block_regression(blocks, prior, ridge):
    """A logistic regression over the blocks' columns with an intercept of its own for each block."""
    block = np.repeat(np.arange(len(blocks)), [len(target) for _, target, _ in blocks])
    columns, target, weights = (np.concatenate(parts) for parts in zip(*blocks))
    total = weights.sum()
    count = len(blocks)

    def loss(solution):
        intercepts, shares = solution[:count], solution[count:]
        margin = columns @ shares + intercepts[block]
        residual = weights * (expit(margin) - target)
        value = weighted_log_loss(margin, target, weights) / total + ridge / 2 * np.sum((shares - prior) ** 2)
        gradient = np.bincount(block, residual, count), columns.T @ residual + total * ridge * (shares - prior)
        return value, np.concatenate(gradient) / total

    start = np.concatenate([np.zeros(count), np.full(columns.shape[1], prior)])
    return minimize(loss, start, jac=True, method="BFGS").x[count:]


def blending_shares(columns, target, weights):
    """Shares of a logarithmic opinion pool on the latest block, half way back to equal ones."""
    def loss(solution):
        margin = columns @ solution[1:] + solution[0]
        residual = weights * (expit(margin) - target) / weights.sum()
        value = weighted_log_loss(margin, target, weights) / weights.sum()
        return value, np.concatenate([[residual.sum()], columns.T @ residual])

    found = minimize(
        loss, [0, 1 / 3, 1 / 3, 1 / 3], jac=True, method="SLSQP", bounds=[(None, None)] + [(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda solution: solution[1:].sum() - 1})
    return (found.x[1:] + 1 / 3) / 2


def train(points, matrix, names, periods, threads):
    """The members fitted on TRAIN, each model's intercept and shares of the members, and the points learned from."""
    places, weights = training_set(points, periods)
    times = points.time.to_numpy()[places]
    target = points.label.to_numpy(dtype=float)[places]
    offered = [index for index, name in enumerate(names) if name not in WITHHELD]
    rows = matrix[np.ix_(places, offered)]
    names = [names[index] for index in offered]

    blocks = [(times >= start) & (times < end) for start, end in periods.blocks()]
    seen = [np.ones(len(places), dtype=bool)] + [times + HORIZON <= start for start, _ in periods.blocks()]
    with threadpool_limits(1):
        fitted = Parallel(n_jobs=threads, prefer="threads")(
            delayed(fit_member)(member, names, rows[part], target[part], weights[part] / weights[part].mean())
            for part in seen for member in MODELS[:3])
    by_set = [fitted[at:at + 3] for at in range(0, len(fitted), 3)]

    unseen = [(margins(members, rows[part]), target[part], weights[part] / weights[part].mean())
              for members, part in zip(by_set[1:], blocks)]
    forest = [(columns[:, 1:2], *others) for columns, *others in unseen]
    stretch = np.array([1, (1 + block_regression(forest, 1, 1e-6)[0]) / 2, 1])
    unseen = [(columns * stretch, *others) for columns, *others in unseen]
    stacking = block_regression(unseen, 1 / 3, 0.02)
    shares = np.vstack([np.eye(3), stacking / max(stacking.sum(), 1), blending_shares(*unseen[-1])]) * stretch
    own = margins(by_set[0], rows)
    level_weights = age_weights(weights, times, LEVEL_HALF_LIFE_DAYS)
    intercepts = [level(own @ share, target, level_weights) for share in shares]
    return by_set[0], intercepts, shares, offered, len(places)


# Evaluating


def calibration_error(target, probability, bins=10):
    """Expected calibration error over bins of equal width."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    return np.abs(np.bincount(place, probability - target, bins)).sum() / len(target)


def figures(target, probability):
    return {
        "roc_auc": roc_auc_score(target, probability),
        "pr_auc": average_precision_score(target, probability),
        "log_loss": log_loss(target, probability),
        "ece": calibration_error(target, probability),
    }


def evaluate(points, matrix, periods, trained):
    """Figures of the five models on E1 (events), E2 (last events of invoices) and E3 (snapshots, means)."""
    members, intercepts, shares, offered, _ = trained
    places = np.flatnonzero(periods.is_test(points))
    test = points.iloc[places]
    members_margins = margins(members, matrix[np.ix_(places, offered)])
    probabilities = expit(members_margins @ shares.T + intercepts)
    sets = {
        "E1": [~test.snapshot], "E2": [test.last_of_invoice],
        "E3": [test.snapshot & (test.time == cut_off) for cut_off in periods.tests],
    }
    target = test.label.to_numpy(dtype=int)
    results = {}
    for name, parts in sets.items():
        parts = [part.to_numpy() for part in parts]
        results[name] = {"points": int(sum(part.sum() for part in parts))}
        for column, model in enumerate(MODELS):
            each = pd.DataFrame([figures(target[part], probabilities[part, column]) for part in parts])
            results[name][model] = each.mean().to_dict()
    return results


# The job


@contextmanager
def stage(stages, name):
    """Measures a stage: seconds by the clock, seconds of all threads' work, and the most memory so far."""
    clock, work = time.perf_counter(), time.process_time()
    yield
    stages[name] = {
        "seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - work,
        "peak_rss_mib": peak_memory()}


def peak_memory():
    """The most memory that the process has had resident, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(history, threads):
    """The whole job; what it took and what came of it."""
    stages = {}
    with stage(stages, "all stages"):
        with stage(stages, "reading"):
            everything = read_history(history)
        with stage(stages, "features and labels"):
            periods = Periods(everything.time.min(), everything.time.max())
            events = everything[everything.customer >= 0].reset_index(drop=True)
            points, matrix, names = make_points(events, periods)
        with stage(stages, "training"):
            trained = train(points, matrix, names, periods, threads)
        with stage(stages, "evaluating"):
            results = evaluate(points, matrix, periods, trained)
    return {
        "stages": stages,
        "events": len(everything), "events_of_customers": len(events),
        "events_per_second": len(events) / stages["features and labels"]["seconds"],
        "points": len(points), "snapshots": int(points.snapshot.sum()), "training_points": trained[-1],
        "features": len(names),
        "peak_rss_mib": peak_memory(),
        "test": results,
    }


def table(outcome):
    lines = [f"{'stage':<22}{'seconds':>9}{'CPU seconds':>13}{'peak MiB':>10}"]
    for name, stage in outcome["stages"].items():
        lines.append(f"{name:<22}{stage['seconds']:9.2f}{stage['cpu_seconds']:13.2f}{stage['peak_rss_mib']:10.0f}")
    lines += [
        "", f"{outcome['events']} events, {outcome['events_of_customers']} of them of customers; "
        f"{outcome['points']} points, {outcome['snapshots']} of them snapshots; "
        f"{outcome['training_points']} to learn from",
        f"{outcome['features']} features, {outcome['events_per_second']:.0f} events of customers a second "
        "(features and labels)",
        f"peak memory {outcome['peak_rss_mib']:.0f} MiB"]
    for name, models in outcome["test"].items():
        lines += ["", f"{name}, {models['points']} points".ljust(24) + " ROC-AUC   PR-AUC  log loss     ECE"]
        for model in MODELS:
            m = models[model]
            lines.append(
                f"  {model:<22}{m['roc_auc']:8.4f} {m['pr_auc']:8.4f} {m['log_loss']:9.4f} {m['ece']:7.4f}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--history", required=True, help="UCI Online Retail as CSV, plain or gzip")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    outcome = run(options.history, options.threads)
    print(json.dumps(outcome, indent=1) if options.json else table(outcome))


if __name__ == "__main__":
    main()
