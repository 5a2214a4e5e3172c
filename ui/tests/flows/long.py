"""Names that are longer than a phone is wide."""

from metaflow import FlowSpec, Parameter, step


class LongFlow(FlowSpec):
    share_of_the_customers_that_are_left_out_of_the_training = Parameter(
        "share_of_the_customers_that_are_left_out_of_the_training", default="a" * 300
    )

    @step
    def start(self):
        self.next(self.train_the_model_on_all_customers_of_the_last_twelve_months)

    @step
    def train_the_model_on_all_customers_of_the_last_twelve_months(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LongFlow()
