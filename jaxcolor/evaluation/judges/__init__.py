"""What measures colorizations with networks of others: LPIPS and FID."""
