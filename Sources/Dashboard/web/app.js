document.querySelector("main").textContent = "Tally";
