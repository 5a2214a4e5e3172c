from levada import Config, FlowSpec, retry, step, user_step_decorator


@user_step_decorator
def traced(step_name, flow, inputs, attributes):
    yield


class ConfigFlow(FlowSpec):
    settings = Config("settings", default="settings.json")

    @traced(level=1)
    @retry(times=settings.times)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ConfigFlow()
