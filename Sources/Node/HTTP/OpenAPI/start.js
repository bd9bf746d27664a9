// Loaded behind Swagger UI's own script; without that, the page keeps the line that says so.
if (window.SwaggerUIBundle) {
  const url = document.getElementById("swagger-ui").dataset.document;
  SwaggerUIBundle({ url, dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
}
