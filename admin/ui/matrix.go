package ui

import (
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
)

// matrix is the permissions of an API by resource and action, to be ticked.
type matrix struct {
	Actions []string
	Rows    []matrixRow
	Others  bool // a row has permissions whose action has no column
}

type matrixRow struct {
	Resource string
	Cells    []matrixBox // one for each action; empty where there is no such permission
	Others   []matrixBox
	Whole    matrixBox // the resource as a whole, with what is added to it later
}

// matrixBox is a grant that can be ticked.
type matrixBox struct {
	Grant, Action string
	Operations    [][]string // each in pieces between which a line may end
	More          [][]string // those that are folded, if there are many
	Requires      string     // permissions that are needed as well
	Ticked        bool
	Beyond        bool // the role can't hand it out
	Off           bool // and so it can't be ticked
}

// usualActions come first, and have a column even if one resource alone has them.
var usualActions = []string{"find", "find_one", "create", "update", "delete"}

// maxActions bounds the columns; what has none stands at the end of its row.
const maxActions = 8

// newMatrix lays out permissions. ticked are the grants that were chosen; held
// those that the token has, which may stay whatever the role of the actor says.
func newMatrix(permissions []permission.Permission, ceiling *admin.CeilingRecord, ticked, held []string) matrix {
	m := matrix{Actions: actionsOf(permissions)}
	box := func(grant, action string) matrixBox {
		b := matrixBox{Grant: grant, Action: action, Ticked: slices.Contains(ticked, grant), Beyond: !mayHandOut(ceiling, grant)}
		b.Off = b.Beyond && !slices.Contains(held, grant)
		b.Ticked = b.Ticked && !b.Off
		return b
	}
	for _, p := range permissions {
		resource, action, _ := strings.Cut(p.Name, ".")
		at := slices.IndexFunc(m.Rows, func(row matrixRow) bool { return row.Resource == resource })
		if at < 0 {
			at = len(m.Rows)
			m.Rows = append(m.Rows, matrixRow{Resource: resource, Cells: make([]matrixBox, len(m.Actions)), Whole: box(resource+".*", "*")})
		}
		b := box(p.Name, action)
		b.Requires = requiresOf(p)
		for _, op := range p.Operations {
			b.Operations = append(b.Operations, strings.SplitAfter(op.String(), "/"))
		}
		b.Operations, b.More = fold(b.Operations)
		if column := slices.Index(m.Actions, action); column >= 0 {
			m.Rows[at].Cells[column] = b
		} else {
			m.Rows[at].Others, m.Others = append(m.Rows[at].Others, b), true
		}
	}
	return m
}

// fold parts operations into those that are shown and those that are folded: a
// permission of kintone's has four hundred, and the form went on for many screens.
func fold[T any](operations []T) (shown, more []T) {
	const few, many = 5, 10
	if len(operations) < many {
		return operations, nil
	}
	return operations[:few], operations[few:]
}

// actionsOf returns the actions that have a column: usual ones, and those of
// several resources, the most common first.
func actionsOf(permissions []permission.Permission) []string {
	count := map[string]int{}
	for _, p := range permissions {
		_, action, _ := strings.Cut(p.Name, ".")
		count[action]++
	}
	var actions, rest []string
	for _, action := range usualActions {
		if count[action] > 0 {
			actions = append(actions, action)
		}
	}
	for action, n := range count {
		if n > 1 && !slices.Contains(actions, action) {
			rest = append(rest, action)
		}
	}
	slices.SortFunc(rest, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	actions = append(actions, rest...)
	return actions[:min(len(actions), maxActions)]
}

// mayHandOut reports whether the ceiling of a role allows a permission or a
// resource. It is for showing; the service decides.
func mayHandOut(ceiling *admin.CeilingRecord, grant string) bool {
	return ceiling.Grants == nil || slices.Contains(ceiling.Grants, grant) ||
		slices.Contains(ceiling.Grants, permission.Resource(grant)+".*")
}

// offered are the grants that the boxes of an API stand for.
func offered(permissions []permission.Permission) []string {
	var grants []string
	for _, p := range permissions {
		whole := permission.Resource(p.Name) + ".*"
		if !slices.Contains(grants, whole) {
			grants = append(grants, whole)
		}
		grants = append(grants, p.Name)
	}
	return grants
}
