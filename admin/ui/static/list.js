// The table of tokens: selecting several.

function selection(form) {
	const boxes = [...form.querySelectorAll("tbody input[name=id]")];
	const ticks = [...form.querySelectorAll("[data-all]")]; // one in the table, one above its cards
	const status = form.querySelector("[data-selected]");
	if (ticks.length === 0 || !status) return;
	const idle = status.textContent;
	for (const tick of ticks) tick.hidden = false;

	function show() {
		const n = boxes.filter((one) => one.checked).length;
		for (const tick of ticks) {
			const box = tick.querySelector("input");
			box.checked = n > 0 && n === boxes.length;
			box.indeterminate = n > 0 && n < boxes.length;
		}
		form.classList.toggle("none-selected", n === 0);
		status.textContent = n === 0 ? idle : n === 1 ? status.dataset.single : status.dataset.other.replace("{n}", n);
		for (const button of form.querySelectorAll("button[name=action]")) button.disabled = n === 0;
		for (const one of boxes) one.closest("tr").classList.toggle("chosen", one.checked);
	}

	for (const tick of ticks) {
		tick.addEventListener("change", (event) => {
			for (const one of boxes) one.checked = event.target.checked;
			show();
		});
	}
	form.addEventListener("change", show);
	show();
}

// On phones, filters are folded away unless they do something.
function fold(part) {
	const phone = matchMedia("(max-width: 46rem)");
	const used = () => [...part.querySelectorAll("input, select")].some((one) => one.type === "checkbox" ? one.checked : one.value !== "");
	const show = () => { part.open = !phone.matches || used(); };
	phone.addEventListener("change", show);
	show();
}

// A secret that somebody pastes where they search goes into no address.
document.addEventListener("htmx:configRequest", (event) => {
	const { search, token } = event.detail.parameters;
	if ([search, token].some((text) => /trv_[0-9A-Za-z]{12,}/.test(text ?? ""))) event.preventDefault();
});

// What was typed before the scripts were there is searched for now.
document.addEventListener("htmx:load", () => {
	const box = document.querySelector("#search");
	if (box && box.value !== box.defaultValue) box.dispatchEvent(new Event("input", { bubbles: true }));
}, { once: true });

// Links back to the table lead to what was seen of it last.
function remember(root) {
	if (document.querySelector("section#tokens")) {
		sessionStorage.setItem("list", location.search);
	}
	for (const link of root.querySelectorAll("[data-to-list]")) link.search = sessionStorage.getItem("list") ?? "";
}

document.addEventListener("htmx:pushedIntoHistory", () => remember(document));

export function enhance(root) {
	remember(root);
	for (const part of root.querySelectorAll("[data-folded]")) fold(part);
	for (const form of root.querySelectorAll("[data-select]")) selection(form);
}
