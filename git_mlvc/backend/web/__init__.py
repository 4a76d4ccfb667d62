"""What every driver that speaks HTTP shares: sessions, logins, proxies, certificates, what answers mean."""
