// Shows that the token was wrong. The sign-in itself is a plain form.
if (new URLSearchParams(location.search).has("wrong")) {
  document.getElementById("wrong").hidden = false;
}
