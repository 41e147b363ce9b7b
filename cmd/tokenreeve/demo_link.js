const form = document.querySelector("form");
form.secret.value = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (form.secret.value) form.submit();
