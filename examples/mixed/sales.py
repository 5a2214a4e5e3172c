"""A flow in three languages: Python makes the data, a shell script adds it up, Go fits a trend to it.

Python and Go read one another's values; the shell script finds its inputs as files and leaves files.
"""

from levada import FlowSpec, Parameter, exec, step


class SalesFlow(FlowSpec):
    months = Parameter("months", default=6, help="How many months to look at.")

    @step
    def start(self):
        self.sales = [100 + 20 * month + (-1) ** month * 3 for month in range(self.months)]
        self.note = "made by Python"
        self.next(self.add)

    # A shell script: sales.json goes in, total.json and receipt.txt come out.
    @exec("./add.sh", inputs=["sales"], outputs=["total", "receipt"])
    @step
    def add(self):
        self.next(self.trend)

    # A flow in Go, in the folder ./trend, that has a step of this name. It is built when it is needed.
    @exec("./trend", protocol=True)
    @step
    def trend(self):
        self.next(self.end)

    @step
    def end(self):
        print("total: %d (%s)" % (self.total, self.receipt.strip()))
        print("trend: %.1f more each month, %s" % (self.slope, self.note))


if __name__ == "__main__":
    SalesFlow()
