package ui

// roleRoutes are roles.
var roleRoutes = []route{}
