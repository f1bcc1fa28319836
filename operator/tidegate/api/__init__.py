"""The ModelDeployment resource: models, names, conditions, and the CustomResourceDefinition made from them."""
