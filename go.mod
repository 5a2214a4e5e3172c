module github.com/levadahq/levada

go 1.25
