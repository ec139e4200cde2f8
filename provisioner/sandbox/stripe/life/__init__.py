"""What happens in an account: payments, invoices, subscriptions, checkout, and what comes due with time."""
