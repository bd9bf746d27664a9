// Loaded behind Swagger UI's own script; without that, the page keeps the line that says so.
if (window.SwaggerUIBundle) {
  SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
}
