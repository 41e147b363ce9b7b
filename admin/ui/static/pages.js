// Makes the pages quicker to use. All of them work without it.

import { enhance as copy } from "./copy.js";
import { enhance as secret } from "./secret.js";
import { enhance as list } from "./list.js";
import { enhance as edit } from "./edit.js";
import { enhance as token } from "./token.js";
import { enhance as people } from "./people.js";

// Exact times in the time zone of who reads them, written as the pages are.
const zoned = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

function localTimes(root) {
	for (const time of root.querySelectorAll("time[datetime]")) {
		const exact = zoned.format(new Date(time.dateTime));
		if (time.dataset.exact !== undefined) time.textContent = exact;
		time.title = exact;
	}
}

// The secret of a set-up link stands behind #, so that no server's log has it.
function setUpLink(root) {
	const field = root.querySelector("[data-link]");
	if (!field || !location.hash.startsWith("#trs_")) return;
	field.querySelector("input").value = location.hash.slice(1);
	field.hidden = true;
	history.replaceState(null, "", location.pathname);
	root.querySelector("#name")?.focus();
}

// What was done is said once: when the page is loaded again, its address has no notice. Screen
// readers say what has the focus, or what describes that.
function notice() {
	const address = new URL(location.href);
	if (address.searchParams.has("notice")) {
		address.searchParams.delete("notice");
		history.replaceState(history.state, "", address);
	}
	if (!document.querySelector("[autofocus]")) document.querySelector("#notice")?.focus();
}

function enhance(root) {
	for (const part of [localTimes, setUpLink, copy, secret, list, edit, token, people]) part(root);
}

notice();
enhance(document);
document.addEventListener("htmx:afterSwap", (event) => enhance(event.detail.elt));
document.querySelector("#problems")?.focus();
