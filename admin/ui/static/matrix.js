// The matrix of permissions: a tick for a row, for a column, for all; a filter.

// Opens what is folded of a permission if the words are not all in the rest of it.
export function unfold(item, words) {
	const folded = item.querySelector("details");
	if (!folded || words.length === 0) return;
	const rest = item.textContent.replace(folded.textContent, "").toLowerCase();
	if (!words.every((word) => rest.includes(word))) folded.open = true;
}

export function matrix(table) {
	const tools = table.closest("fieldset").querySelector("[data-tools]");
	const filter = tools.querySelector("input");
	const chosen = tools.querySelector("[data-chosen]");
	const rows = [...table.tBodies[0].rows];

	// What is filtered out is not ticked by the ticks for many.
	const boxes = (within) => [...within.querySelectorAll("td input[name=grant]:not(:disabled)")].filter((box) => !box.closest("[hidden]"));
	const ticks = [...table.querySelectorAll("[data-tick]")].map((place) => {
		place.hidden = false;
		const input = place.querySelector("input");
		const which = place.dataset.tick;
		const some = () => which === "row" ? boxes(place.closest("tr")) : which === "all" ? boxes(table)
			: boxes(table).filter((box) => box.closest("td").dataset.column === which);
		input.addEventListener("change", () => {
			for (const box of some()) box.checked = input.checked;
			show();
		});
		return { input, some };
	});

	function show() {
		for (const row of rows) row.classList.toggle("whole-row", row.querySelector(".whole input").checked);
		for (const { input, some } of ticks) {
			const all = some();
			const n = all.filter((box) => box.checked).length;
			input.disabled = all.length === 0;
			input.checked = n > 0 && n === all.length;
			input.indeterminate = n > 0 && n < all.length;
		}
		tell();
	}

	function tell() {
		const n = table.querySelectorAll("input[name=grant]:checked").length;
		const found = rows.some((row) => !row.hidden);
		chosen.textContent = !found ? chosen.dataset.none : n === 1 ? chosen.dataset.single : chosen.dataset.other.replace("{n}", n);
	}

	filter.addEventListener("input", () => {
		const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
		const has = (place) => words.every((word) => place.textContent.toLowerCase().includes(word));
		for (const row of rows) {
			const whole = words.every((word) => row.dataset.resource.toLowerCase().includes(word));
			let any = whole;
			for (const box of row.querySelectorAll("td .box")) {
				box.hidden = !whole && !has(box);
				if (!whole && !box.hidden) unfold(box, words);
				any ||= !box.hidden;
			}
			row.hidden = !any;
		}
		show();
	});
	filter.addEventListener("keydown", (event) => {
		if (event.key === "Enter") event.preventDefault();
	});
	table.addEventListener("change", (event) => {
		if (event.target.name === "grant") show();
	});
	tools.hidden = false;
	show();
}
