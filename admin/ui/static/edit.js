// The forms of tokens.

import { matrix } from "./matrix.js";

// How many characters are left of a text.
function counter(field) {
	const shown = field.parentElement.querySelector("[data-counter]");
	const told = field.parentElement.querySelector("[data-counter-status]");
	const show = () => {
		const left = field.dataset.most - [...field.value.trim()].length;
		shown.textContent = left < 0 ? field.dataset.over.replace("{n}", -left) : field.dataset.left.replace("{n}", left);
		shown.classList.toggle("problem", left < 0);
		told.textContent = left < 20 ? shown.textContent : "";
	};
	field.addEventListener("input", show);
	show();
}

// A day ends where the reader is; the server is told when.
function lastDay(part) {
	const date = part.querySelector("[name=date]");
	const until = part.querySelector("[name=until]");
	const help = part.querySelector("[data-zone]");
	const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
	help.textContent = help.dataset.zone.replace("%s", zone);
	const set = () => {
		const [year, month, day] = date.value.split("-").map(Number);
		until.value = day ? new Date(year, month - 1, day + 1).toISOString() : "";
	};
	date.addEventListener("input", () => {
		set();
		if (date.value) part.closest("form").querySelector("#duration-date").checked = true;
	});
	set();
}

export function enhance(root) {
	for (const field of root.querySelectorAll("[data-most]")) counter(field);
	for (const part of root.querySelectorAll("[data-date]")) lastDay(part);
	for (const table of root.querySelectorAll("[data-matrix]")) matrix(table);
	root.querySelector("#conflict")?.focus();
}
