package ui

// selfRoutes are one's own account and sessions.
var selfRoutes = []route{}
