package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/levadahq/levada/client"
)

func Example() {
	ctx := context.Background()
	c, err := client.Open(ctx, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	flow, err := c.Flow(ctx, "TrainFlow")
	if err != nil {
		log.Fatal(err)
	}
	run, err := flow.LatestSuccessfulRun(ctx)
	if err != nil {
		log.Fatal(err)
	}
	losses, err := client.Get[map[string]float64](ctx, run, "losses")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Path(), run.Status, losses)
	// Output: TrainFlow/2 succeeded map[rate 1:0.5 rate 2:0.3333333333333333 rate 3:0.25]
}

func ExampleClient_Runs() {
	ctx := context.Background()
	c, err := client.Open(ctx, client.Options{Namespace: "user:ann"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for run, err := range c.Runs(ctx, client.RunFilter{Flow: "TrainFlow", After: time.Now().Add(-time.Hour)}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(run.ID, run.Status, run.Parameters["rate"], run.Tags)
	}
	// Output:
	// 3 failed 0.5 []
	// 2 succeeded 1.0 [second]
	// 1 succeeded 0.5 [first]
}

func ExampleRun_Tasks() {
	ctx := context.Background()
	c, err := client.Open(ctx, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	run, err := c.Run(ctx, "TrainFlow/1")
	if err != nil {
		log.Fatal(err)
	}
	for task, err := range run.Tasks(ctx, client.TaskFilter{Step: "train"}) {
		if err != nil {
			log.Fatal(err)
		}
		loss, err := client.Get[float64](ctx, task, "loss")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d of %d: loss %.2f, %d attempts\n", task.Index(), task.Stack[0].Count, loss, len(task.Attempts))
	}
	// Output:
	// 0 of 3: loss 0.67, 1 attempts
	// 1 of 3: loss 0.50, 1 attempts
	// 2 of 3: loss 0.40, 2 attempts
}

func ExampleGet() {
	ctx := context.Background()
	c, err := client.Open(ctx, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	run, err := c.Run(ctx, "1")
	if err != nil {
		log.Fatal(err)
	}

	// Attributes of a data class go into the fields of a struct.
	type Model struct {
		Name    string
		Weights []float32
	}
	model, err := client.Get[Model](ctx, run, "model")
	fmt.Println(model, err)

	// Numbers must fit.
	_, err = client.Get[int64](ctx, run, "big")
	fmt.Println(errors.Is(err, client.ErrType), err)

	_, err = client.Get[float64](ctx, run, "nothing")
	fmt.Println(errors.Is(err, client.ErrNotFound), err)
	// Output:
	// {linear [0.25 0.5]} <nil>
	// true TrainFlow/1/end/6/big, which is int: an int of 101 bits is outside of the range of int64
	// true TrainFlow/1/end/6 has no artifact nothing
}

func ExampleTask_Log() {
	ctx := context.Background()
	c, err := client.Open(ctx, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	task, err := c.Task(ctx, "1/start/1")
	if err != nil {
		log.Fatal(err)
	}
	for line, err := range task.Log(ctx, client.Stdout) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", line.Text)
	}
	// Output: three rates to try
}

func ExampleRun_AddTags() {
	ctx := context.Background()
	c, err := client.Open(ctx, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	run, err := c.Run(ctx, "1")
	if err != nil {
		log.Fatal(err)
	}
	if run, err = run.AddTags(ctx, "reviewed"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Tags)
	run, err = run.RemoveTags(ctx, "reviewed")
	fmt.Println(run.Tags, err)
	// Output:
	// [first reviewed]
	// [first] <nil>
}
