// Shows new mail without a reload. Without this file the page works, and asks for F5.
const list = () => document.getElementById("messages");

async function refresh() {
  const response = await fetch(location.href);
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  list().replaceChildren(...page.getElementById("messages").childNodes);
}

if (list()) new EventSource(list().dataset.events).onmessage = refresh;
