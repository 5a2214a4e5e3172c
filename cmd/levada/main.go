// Command levada runs data-science and machine-learning workflows. See README.md.
package main

import (
	"os"

	"github.com/levadahq/levada/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
