long fs_test_combine(long a, long b, long c);
long fs_test_deep(long bytes, long, long);
long fs_test_linger(long ns, long, long);
