// The table of tokens: selecting several.

function selection(form) {
	const boxes = [...form.querySelectorAll("tbody input[name=id]")];
	const all = form.querySelector("[data-all]");
	const status = form.querySelector("[data-selected]");
	if (!all || !status) return;
	const idle = status.textContent;
	const box = all.querySelector("input");
	all.hidden = false;

	function show() {
		const n = boxes.filter((one) => one.checked).length;
		box.checked = n > 0 && n === boxes.length;
		box.indeterminate = n > 0 && n < boxes.length;
		status.textContent = n === 0 ? idle : n === 1 ? status.dataset.single : status.dataset.other.replace("{n}", n);
		for (const button of form.querySelectorAll("button[name=action]")) button.disabled = n === 0;
		for (const one of boxes) one.closest("tr").classList.toggle("chosen", one.checked);
	}

	box.addEventListener("change", () => {
		for (const one of boxes) one.checked = box.checked;
		show();
	});
	form.addEventListener("change", show);
	show();
}

// A secret that somebody pastes where they search goes into no address.
document.addEventListener("htmx:configRequest", (event) => {
	const { search, token } = event.detail.parameters;
	if ([search, token].some((text) => /trv_[0-9A-Za-z]{12,}/.test(text ?? ""))) event.preventDefault();
});

// Links back to the table lead to what was seen of it last.
function remember(root) {
	if (document.querySelector("section#tokens")) {
		const seen = new URLSearchParams(location.search);
		seen.delete("notice");
		sessionStorage.setItem("list", seen);
	}
	for (const link of root.querySelectorAll("[data-to-list]")) link.search = sessionStorage.getItem("list") ?? "";
}

document.addEventListener("htmx:pushedIntoHistory", () => remember(document));

export function enhance(root) {
	remember(root);
	for (const form of root.querySelectorAll("[data-select]")) selection(form);
}
