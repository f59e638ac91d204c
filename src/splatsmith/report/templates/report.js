// Only what cannot be done without a script: the slider between photo and render.
document.documentElement.classList.add("js");
for (const compare of document.querySelectorAll(".compare")) {
  const slider = compare.querySelector("input");
  slider.addEventListener("input", () => compare.style.setProperty("--cut", slider.value + "%"));
}
