// Buttons that copy a text, and say that they did.

async function copy(text, from) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		// Without TLS there is no clipboard; the selection does it then.
		getSelection().selectAllChildren(from);
		return document.execCommand("copy");
	}
}

export function enhance(root) {
	for (const button of root.querySelectorAll("[data-copy]")) {
		const from = document.getElementById(button.dataset.copy);
		const status = button.parentElement.querySelector("[role=status]");
		button.parentElement.hidden = false;
		button.addEventListener("click", async () => {
			status.textContent = "";
			const copied = await copy(from.textContent, from);
			status.textContent = copied ? button.dataset.done : button.dataset.failed;
		});
	}
}
