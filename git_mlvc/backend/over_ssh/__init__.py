"""What the ssh driver is made of: the ssh program, two protocols over its pipes, and our own end of one of them."""
