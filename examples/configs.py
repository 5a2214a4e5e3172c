"""A config that shapes the flow: what a file says goes into decorators, parameters and steps, fixed before the run.

Try `--config settings other.json`, or `--config-value settings '{"project": "mine", …}'`, before the command.
"""

import os

from metaflow import Config, FlowSpec, Parameter, config_expr, current, project, retry, step

HERE = os.path.dirname(os.path.abspath(__file__))


@project(name=config_expr("settings.project"))
class ConfigsFlow(FlowSpec):
    """Forecast the next value of a series with each of the models that a file lists."""

    settings = Config("settings", default=os.path.join(HERE, "data", "forecast.json"), help="series and models")
    limit = Parameter("limit", default=config_expr("len(settings.history)"), help="how many values to look at")

    @step
    def start(self):
        print(f"project {current.project_name}, {self.limit} values, {len(self.settings.models)} models")
        self.series, self.models = self.settings.history[: self.limit], self.settings.models
        self.next(self.forecast, foreach="models")

    @retry(**settings.retry)
    @step
    def forecast(self):
        window = self.series[-self.input.window :]
        self.model, self.value = self.input.name, sum(window) / len(window)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.forecasts = {one.model: round(one.value, 2) for one in inputs}
        self.next(self.end)

    @step
    def end(self):
        for name, value in self.forecasts.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    ConfigsFlow()
