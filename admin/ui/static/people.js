// Accounts, roles, the audit trail and sessions.

// Who types a new password can look at it.
function reveal(root) {
	for (const field of root.querySelectorAll("input[data-reveal]")) {
		const button = document.createElement("button");
		button.type = "button";
		button.className = "link reveal small";
		button.textContent = field.dataset.show;
		button.setAttribute("aria-pressed", "false");
		button.addEventListener("click", () => {
			const shown = field.type === "password";
			field.type = shown ? "text" : "password";
			button.setAttribute("aria-pressed", String(shown));
		});
		field.after(button);
		field.form.addEventListener("submit", () => { field.type = "password"; });
	}
}

// Days are those of the reader, not of UTC.
function zone(root) {
	for (const form of root.querySelectorAll("form[data-zone]")) {
		const field = document.createElement("input");
		Object.assign(field, { type: "hidden", name: "zone", value: new Date().getTimezoneOffset() });
		form.append(field);
		for (const help of form.querySelectorAll("[data-zone-help]")) help.hidden = true;
		form.addEventListener("submit", () => {
			for (const input of form.elements) if (input.name && !input.value) input.disabled = true;
			if (form.elements.from.disabled && form.elements.until.disabled) field.disabled = true;
		});
		addEventListener("pageshow", () => { for (const input of form.elements) input.disabled = false; });
	}
}

// On a phone a filter is folded while nothing is picked.
const wide = matchMedia("(min-width: 46.01rem)");

function fold(root) {
	for (const part of root.querySelectorAll("[data-fold]")) {
		const suit = () => { part.open = wide.matches || part.dataset.keep !== undefined; };
		wide.addEventListener("change", suit);
		suit();
	}
}

export function enhance(root) {
	fold(root);
	reveal(root);
	zone(root);
}
