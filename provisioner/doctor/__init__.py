"""What `doctor` looks at, one module for each thing: it finds what is wrong and changes nothing."""
