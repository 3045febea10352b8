// A second click while the answer to the first is on its way would send the form twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
  } else if (form.method === "post") {
    form.dataset.sent = "yes";
  }
});
// The back button shows the page as it was left, with the mark.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
