// The theme gives a tab stop to every box that scrolls, when the page loads: what lies in a closed
// box measures nothing then. Let it look again whenever a box opens.
const lookAgain = () => requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
document.addEventListener("toggle", lookAgain, true); // <details>; this event does not bubble
document.addEventListener("click", (event) => {
  if (event.target.closest(".toggle-button, .admonition-title")) lookAgain();
});
