"""Six branches side by side: one has many tasks of which one fails, one catches what its step raises."""

import os
import signal

from metaflow import FlowSpec, Parameter, catch, step


class BranchesFlow(FlowSpec):
    data = Parameter("data", default="s3://a-bucket/of/the/team/features/customers/daily/partitioned/2026-11-23.parquet")
    note = Parameter("note", default="")
    fail = Parameter("fail", default=False)

    @step
    def start(self):
        self.items = list(range(40))
        self.curve = [i * i for i in range(3000)]
        self.visits = list(range(3000))
        self.visits[7] = int(self.data[-10:-8])
        self.next(self.load_customers, self.load_orders, self.load_products, self.train_models, self.clean_addresses, self.count_visits_of_the_last_month)

    @step
    def load_customers(self):
        self.next(self.merge)

    @step
    def load_orders(self):
        self.next(self.merge)

    @step
    def load_products(self):
        self.next(self.merge)

    @step
    def train_models(self):
        self.next(self.train, foreach="items")

    @step
    def train(self):
        if self.fail and self.input == 39:
            os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.best)

    @step
    def best(self, inputs):
        self.next(self.merge)

    @catch(var="why")
    @step
    def clean_addresses(self):
        raise ValueError("no such street")
        self.next(self.merge)

    @step
    def count_visits_of_the_last_month(self):
        self.next(self.merge)

    @step
    def merge(self, inputs):
        self.merge_artifacts(inputs, include=["curve", "visits"])
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BranchesFlow()
