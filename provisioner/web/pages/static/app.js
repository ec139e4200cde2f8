// Everything works without this: it looks again by itself, and makes two things handier.
"use strict";

const main = document.getElementById("main");

// The parts of the page that have changed are replaced; what somebody is just using stays.
async function lookAgain() {
  let page;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (!answer.ok) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return; // The next time is soon.
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(part.id);
    if (fresh === null || fresh.innerHTML === part.innerHTML) continue;
    if (part.contains(document.activeElement)) continue;
    part.replaceChildren(...fresh.childNodes);
    part.classList.remove("fresh");
    void part.offsetWidth;
    part.classList.add("fresh");
  }
  // More often while somebody is at work.
  main.dataset.live = page.getElementById("main").dataset.live || main.dataset.live;
}

// Nobody is asked while nobody looks, and the next time only when the last answer is there.
let waiting = 0;
async function goOn() {
  clearTimeout(waiting);
  if (document.hidden) return;
  await lookAgain();
  clearTimeout(waiting);
  waiting = setTimeout(goOn, Number(main.dataset.live) * 1000);
}

if (main !== null && main.dataset.live) {
  waiting = setTimeout(goOn, Number(main.dataset.live) * 1000);
  document.addEventListener("visibilitychange", goOn);
}

// What cannot be undone: the button is there once the address is typed.
for (const form of document.querySelectorAll("form[data-typed]")) {
  const field = form.elements.address;
  const button = form.querySelector("button");
  const look = () => {
    button.disabled = field.value.trim().toLowerCase() !== form.dataset.typed.toLowerCase();
  };
  field.addEventListener("input", look);
  look();
}

// "/" goes to the search, as long as nobody is writing.
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select");
  if (event.key === "/" && writing === null && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.getElementById("find");
    if (field !== null) {
      event.preventDefault();
      field.focus();
    }
  }
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") {
    setTimeout(() => event.target.querySelectorAll("button").forEach((one) => { one.disabled = true; }));
  }
});
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
