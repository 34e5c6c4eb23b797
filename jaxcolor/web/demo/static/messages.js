// What the page says: problems, which stay until they are closed, and the state of things.

const problems = document.getElementById("problems");
const status = document.getElementById("status");

/** Shows a problem, one line, until it is closed. */
export function complain(text) {
  for (const shown of problems.children) {
    if (shown.firstChild.textContent === text) return;
  }
  const problem = document.createElement("p");
  const told = document.createElement("span");
  const close = document.createElement("button");
  told.textContent = text;
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => problem.remove());
  problem.append(told, close);
  problems.append(problem);
}

/** Tells those who do not see the page what has happened. */
export function tell(text) {
  status.textContent = text;
}
