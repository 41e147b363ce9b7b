// A secret is shown once: the page takes the address of its token, so that reload
// and back lead there, and forgets the secret when it is left.

export function enhance(root) {
	const page = root.querySelector("[data-leads-to]");
	if (!page) return;
	history.replaceState(null, "", page.dataset.leadsTo);
	addEventListener("pagehide", () => {
		for (const place of page.querySelectorAll("[data-secret]")) place.textContent = "";
	});
	addEventListener("pageshow", (event) => {
		if (event.persisted) location.replace(page.dataset.leadsTo);
	});
}
