// The forms of tokens.

import { matrix } from "./matrix.js";

// How many characters are left of a text. What the server found is told anew.
function counter(field) {
	const shown = field.parentElement.querySelector("[data-counter]");
	const told = field.parentElement.querySelector("[data-counter-status]");
	const left = () => field.dataset.most - [...field.value.trim()].length;
	const problem = left() < 0 ? field.parentElement.querySelector("span.problem:not([data-counter])") : null;
	if (problem) problem.textContent = "";
	const show = () => {
		const n = left();
		const over = n === -1 ? field.dataset.single : field.dataset.other.replace("{n}", -n);
		shown.textContent = n < 0 ? over[0].toUpperCase() + over.slice(1) : field.dataset.left.replace("{n}", n);
		shown.classList.toggle("problem", n < 0);
		told.textContent = n < 20 ? shown.textContent : "";
		if (problem) field.setAttribute("aria-invalid", n < 0);
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
