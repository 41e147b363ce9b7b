-- Who did one thing lately, such as signing in: read at every guess of a password.
CREATE INDEX events_of_actor_and_action ON events (actor, action, id);
