"""Every kind of parameter: number, truth value, text, list, JSON, the content of a file, and a default that is computed.

Try `--help`, `--min-rain 1000 --stations Areeiro,Santana`, or `METAFLOW_RUN_MIN_RAIN=1000` in the environment.
"""

import csv
import io
import os

from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step

HERE = os.path.dirname(os.path.abspath(__file__))


def title_of(context):
    """A deploy-time default: computed once, when the run starts, and never again in its tasks."""
    return f"Rain, as {context.flow_name} sees it"


class ParametersFlow(FlowSpec):
    """Select weather stations and report on them."""

    min_rain = Parameter("min-rain", type=int, default=0, help="leave out stations with less, in mm a year")
    per_height = Parameter("per-height", type=float, default=0.5, help="expected rain, in mm for each metre of height")
    descending = Parameter("descending", type=bool, default=True, help="most rain first")
    unit = Parameter("unit", default="mm", help="how to name the unit")
    stations = Parameter("stations", separator=",", default="Funchal,Areeiro,Porto Moniz", help="list of names")
    labels = Parameter("labels", type=JSONType, default='{"low": 100, "high": 1000}', help="name: lowest height")
    comment = Parameter("comment", help="printed below the report; nothing if left out")
    title = Parameter("title", type=str, default=title_of, help="heading of the report")
    table = IncludeFile("table", default=os.path.join(HERE, "data", "stations.csv"), help="CSV of station, height, rain")

    @step
    def start(self):
        # The file was read when the run started; it may change now without changing the run.
        rows = csv.DictReader(io.StringIO(self.table))
        self.rows = [row for row in rows if row["station"] in self.stations and int(row["rain"]) >= self.min_rain]
        self.next(self.report)

    @step
    def report(self):
        print(self.title)
        for row in sorted(self.rows, key=lambda row: int(row["rain"]), reverse=self.descending):
            height, rain = int(row["height"]), int(row["rain"])
            label = max((low, name) for name, low in [("sea level", 0), *self.labels.items()] if low <= height)[1]
            surplus = rain - self.per_height * height
            print(f"{row['station']} ({label}): {rain} {self.unit}, {surplus:+.1f} {self.unit} beyond its height")
        self.next(self.end)

    @step
    def end(self):
        try:
            self.unit = "inches"
        except AttributeError:
            print("parameters are read-only")
        if self.comment is not None:
            print(self.comment)


if __name__ == "__main__":
    ParametersFlow()
