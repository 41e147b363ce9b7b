package ui

import (
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// sessionView is a session as people know it.
type sessionView struct {
	admin.SessionRecord

	Device, Way string
}

// sessionList is a table of sessions.
type sessionList struct {
	Sessions []sessionView
	Next     string // cursor of the next page
	Begun    bool   // this is not the first page
	Accounts bool   // of several accounts
	Back     string // where to go when one was ended
	End      bool   // they can be ended from here
}

// Others reports whether there is a session beside the one that asks.
func (l *sessionList) Others() bool {
	return l.Next != "" || len(l.Sessions) > 1 || len(l.Sessions) == 1 && !l.Sessions[0].Current
}

// sessionsOf returns a page of the sessions of an account, "" for one's own and "*" for all.
func (u *ui) sessionsOf(c *call, account, back string) (sessionList, error) {
	list := sessionList{Back: back, Begun: c.query("after") != "", Accounts: account == "*", End: c.actor.Scope(admin.SessionDelete) != "none"}
	found, err := u.Service.Sessions(c.r.Context(), c.actor, account, admin.Paging{After: c.query("after")})
	if err != nil {
		return list, err
	}
	list.Next = found.Next
	for _, s := range found.Items {
		way := s.Method
		if texts.Has("session.by." + way) {
			way = texts.Get("session.by." + way)
		}
		list.Sessions = append(list.Sessions, sessionView{s, device(s.Agent), way})
	}
	return list, nil
}

func (u *ui) sessionsPage(c *call) error {
	list, err := u.sessionsOf(c, "*", "/sessions")
	if err != nil {
		return err
	}
	return u.show(c, http.StatusOK, "sessions", page{Title: "sessions.title", Here: "/accounts", Body: &list})
}

func (u *ui) endSession(c *call) error {
	if err := u.Service.DeleteSession(c.r.Context(), c.actor, c.r.PathValue("id")); err != nil {
		return err
	}
	return c.leaveWith(nextPath(c.value("back")), "session-ended")
}
