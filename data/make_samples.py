"""Make the sample tables beside this script.

Three are exported from the data sets of scikit-learn, one is generated. To run it, in any folder:

    python data/make_samples.py [folder]

The files are the same, byte for byte, on every run and machine: the generated table uses only `random.Random` of the
standard library, whose numbers do not change between versions.
"""

from __future__ import annotations

import csv
import datetime
import math
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sklearn import datasets

ROWS = 1500


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with Unix line ends; None becomes an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def short(value: float) -> float | int:
    """Return a number so that its text is short: 59 instead of 59.0."""
    value = round(float(value), 12)  # before 1.7, some numbers of scikit-learn differ in the last digit
    return int(value) if value.is_integer() else value


def diabetes(path: Path) -> None:
    """Write the table for regression: the progression of a disease after a year, from ten measurements."""
    names = ["age", "sex", "bmi", "blood_pressure", "total_cholesterol", "ldl", "hdl", "cholesterol_ratio"]
    names += ["log_triglycerides", "blood_sugar", "progression"]
    bunch: Any = datasets.load_diabetes(scaled=False)
    write(path, names, ([*(short(v) for v in row), short(t)] for row, t in zip(bunch.data, bunch.target, strict=True)))


def breast_cancer(path: Path) -> None:
    """Write the table for binary: malignant or benign, from thirty measurements of cell nuclei."""
    bunch: Any = datasets.load_breast_cancer()
    names = [name.replace(" ", "_") for name in bunch.feature_names]
    labels = [str(bunch.target_names[i]) for i in bunch.target]
    rows = ([*(short(v) for v in row), label] for row, label in zip(bunch.data, labels, strict=True))
    write(path, [*names, "diagnosis"], rows)


def wine(path: Path) -> None:
    """Write the table for multiclass: one of three growers, from thirteen chemical measurements."""
    bunch: Any = datasets.load_wine()
    names = ["od280_od315" if "od280" in name else name for name in bunch.feature_names]
    growers = ("first grower", "second grower", "third grower")
    rows = ([*(short(v) for v in row), growers[i]] for row, i in zip(bunch.data, bunch.target, strict=True))
    write(path, [*names, "grower"], rows)


# The generated streets. The code states what each label depends on, so that a model can be compared with the truth.

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DISTRICTS = ("centre", "harbour", "university", "north", "suburb")
WEATHERS = ("clear", "cloudy", "rain", "fog", "snow")
ROADS = ("main road", "side street", "shopping street", "ring road")
SPEED_LIMITS = {"main road": (50,), "side street": (30, 30, 50), "shopping street": (10, 20), "ring road": (70, 80)}


def bump(x: float, center: float, width: float) -> float:
    """Return a bell curve: 1 at the center, falling to 0 on both sides."""
    return math.exp(-(((x - center) / width) ** 2))


def chance(logit: float) -> float:
    """Return the logistic function."""
    return 1.0 / (1.0 + math.exp(-logit))


def scene(rng: random.Random) -> list[object]:
    """Return one row: what the table says about the picture of a street camera, and what is in the picture."""
    date = datetime.date(2025, 1, 1) + datetime.timedelta(days=rng.randrange(365))
    hour = rng.randrange(24)
    weekend = date.weekday() >= 5
    day_of_year = date.timetuple().tm_yday
    season = -math.cos(2 * math.pi * (day_of_year - 15) / 365)  # -1 in mid-January, +1 in mid-July
    temperature = 10 + 10 * season + 4 * math.sin(2 * math.pi * (hour - 9) / 24) + rng.gauss(0, 4)
    weather = rng.choices(WEATHERS, weights=(8, 7, 5, 2, 2.5 if temperature < 3 else 0))[0]
    wet = weather in ("rain", "snow")
    road = rng.choices(ROADS, weights=(5, 5, 4, 3))[0]
    district = rng.choices(DISTRICTS, weights=(5, 3, 4, 4, 4))[0]
    speed_limit = rng.choice(SPEED_LIMITS[road])
    bus_lane = rng.random() < {"main road": 0.5, "side street": 0.1, "shopping street": 0.3, "ring road": 0.1}[road]
    stop_distance = 20 + 900 * rng.random() ** 2

    rush = bump(hour, 8, 2.5) + bump(hour, 17, 2.5) if not weekend else 0.8 * bump(hour, 13, 4)
    width = {"main road": 1.0, "side street": 0.6, "shopping street": 0.5, "ring road": 1.4}[road]
    demand = 110 * (0.25 + rush) * width * math.exp(rng.gauss(0, 0.5))
    # A jam: many vehicles that hardly move. Few of them pass the counter, but they are loud.
    jam = rng.random() < chance(0.08 * (demand - 90))
    traffic_count = round(demand * (0.2 if jam else 1.0))
    noise = 38 + 16 * math.log10(1 + demand) + (2 if wet else 0) + rng.gauss(0, 1.2)

    # Buses run often in the rush hours of every day except Sunday, and rarely between. A bus lane helps in the rush.
    service = 0.3 if date.weekday() == 6 else 3.6 * (bump(hour, 8, 3) + bump(hour, 17, 3)) - 1.9
    near = 3.2 * bump(stop_distance, 0, 350) - 1.2
    bus_logit = -0.4 + service + near + (0.7 * service if bus_lane else 0)
    bus = rng.random() < chance(2.2 * bus_logit)

    # People walk when it is neither cold nor hot: in the evening in the center and at the harbor, except in shopping
    # streets; by day everywhere else. Hardly anyone walks on a ring road.
    pleasant = 5 * bump(temperature, 14, 8) - 2.4
    evening = district in ("centre", "harbour") and road != "shopping street"
    walk = 4.5 * bump(hour, 20, 4) - 1.8 if evening else 4.5 * bump(hour, 13, 4.5) - 1.8
    pedestrian_logit = -0.5 + pleasant + walk - (4 if road == "ring road" else 0) - (1 if wet else 0)
    pedestrian_logit += 2.2 if bus and stop_distance < 250 else 0  # people wait at the stop
    pedestrian = rng.random() < chance(2.2 * pedestrian_logit)

    # Cars: where vehicles pass or wait in a jam. They may enter a shopping street before eleven, to deliver.
    car_logit = 5 if jam else 2.2 * math.log(max(traffic_count, 1) / 45)
    if road == "shopping street":
        car_logit += 3 if 5 <= hour < 11 else -4
    car_logit -= 1.5 if bus else 0  # a bus hides what is behind it
    car_logit += 1.5 if pedestrian and road == "side street" else 0  # cars stop for people who cross
    car = rng.random() < chance(2.2 * car_logit)

    def unless(missing: float, value: object) -> object:
        """Return the value, or None with probability `missing`."""
        return None if rng.random() < missing else value

    return [
        date.isoformat(),
        hour,
        WEEKDAYS[date.weekday()],
        unless(0.03, weather),
        unless(0.03, round(temperature, 1)),
        road,
        district,
        unless(0.02, speed_limit),
        "yes" if bus_lane else "no",
        unless(0.02, round(stop_distance)),
        unless(0.05, traffic_count),
        unless(0.12 if weather == "snow" else 0.04, round(noise, 1)),
        int(car),
        int(bus),
        int(pedestrian),
    ]


def street_scenes(path: Path) -> None:
    """Multi-label: is there a car, a bus, a pedestrian in the picture of a street camera?"""
    header = ["date", "hour", "weekday", "weather", "temperature", "road", "district", "speed_limit", "bus_lane"]
    header += ["stop_distance", "traffic_count", "noise_db", "car", "bus", "pedestrian"]
    rng = random.Random(2025)
    write(path, header, (scene(rng) for _ in range(ROWS)))


def main(folder: Path) -> None:
    """Write the four files into a folder, which is created if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for make in (diabetes, breast_cancer, wine, street_scenes):
        make(folder / f"{make.__name__}.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
