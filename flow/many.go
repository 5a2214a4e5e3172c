package flow

func (m *machine) serveMany(fd int) {}
