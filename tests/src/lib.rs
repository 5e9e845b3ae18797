//! Scenario tests, one module per use of the product.
