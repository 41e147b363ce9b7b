package ui

// tryRoutes are asking what a token may do.
var tryRoutes = []route{}
