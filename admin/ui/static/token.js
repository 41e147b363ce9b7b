// The page of a token, its chart, and what it may do; APIs.

import { unfold } from "./matrix.js";

// Shows those permissions of an API that have all words of what is typed.
function filter(section) {
	const box = section.querySelector("[data-filter]");
	if (!box) return;
	const input = box.querySelector("input");
	const status = section.querySelector("[data-filter-status]");
	const none = section.querySelector("[data-filter-none]");
	box.hidden = false;
	input.addEventListener("input", () => {
		const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
		let found = 0;
		for (const group of section.querySelectorAll("[data-filter-group]")) {
			let shown = 0;
			for (const item of group.querySelectorAll("[data-filter-item]")) {
				const text = item.dataset.filterItem.toLowerCase();
				item.hidden = !words.every((word) => text.includes(word));
				if (item.hidden) continue;
				unfold(item, words);
				shown++;
			}
			group.hidden = shown === 0;
			found += shown;
		}
		none.hidden = found > 0;
		status.textContent = words.length === 0 ? "" : found === 0 ? status.dataset.none : status.dataset.found + found;
	});
}

export function enhance(root) {
	for (const section of root.querySelectorAll("[data-filtered]")) filter(section);
}
