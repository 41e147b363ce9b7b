package texts

var audit = map[string]string{}
