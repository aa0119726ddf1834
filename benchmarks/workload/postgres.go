package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres is PostgreSQL under pgbench. The tables fit into shared_buffers, into which they
// are read before the first transaction: what is short of memory then swaps, it does not
// read files again. Nothing is synced (fsync, synchronous_commit and full_page_writes are
// off), or the disk under the log would be what is measured. A quarter of the memory is
// left for the new row versions of updates; autovacuum is off, for runs that are alike.
var postgres = Workload{
	Name:  "postgres",
	About: "PostgreSQL, pgbench's TPC-B, 8 clients, tables in shared_buffers, fsync off",
	Needs: postgresCommands,
	Start: startPostgres,
}

var postgresCommands = []string{"initdb", "postgres", "pgbench", "psql"}

const (
	// scaleBytes is the memory for each unit of pgbench's scale, 100,000 accounts: 15 MiB of
	// tables and indexes, and what updates add.
	scaleBytes     = 20 << 20
	pgbenchClients = 8
	pgbenchThreads = 2
	// superuser is the role that initdb makes.
	superuser = "postgres"
)

// postgresRun is a PostgreSQL server that is up.
type postgresRun struct {
	place        Place
	socket       socket
	process      *process
	psql         string
	pgbench      string
	transactions int64 // so far
}

func startPostgres(ctx context.Context, place Place, size Size) (Running, error) {
	n, err := size.Bytes()
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, command := range postgresCommands {
		if paths[command], err = Find(command); err != nil {
			return nil, err
		}
	}
	r := &postgresRun{place: place, psql: paths["psql"], pgbench: paths["pgbench"]}
	if r.socket, err = newSocket(); err != nil {
		return nil, err
	}
	if err := r.start(ctx, paths, n); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), r.Stop())
	}
	return r, nil
}

func (r *postgresRun) start(ctx context.Context, paths map[string]string, n int64) error {
	u, err := serverUser()
	if err != nil {
		return err
	}
	if err := u.own(r.place.Dir(), r.socket.dir()); err != nil {
		return err
	}
	data := filepath.Join(r.place.Dir(), "data")
	r.place.Log("postgres: make an empty database")
	initdb := r.place.Command(ctx, paths["initdb"], "-D", data, "-U", superuser, "-A", "trust", "-N", "-E", "UTF8", "--no-locale")
	u.become(initdb)
	if err := finish(initdb); err != nil {
		return err
	}
	server := r.place.Command(context.WithoutCancel(ctx), paths["postgres"], append([]string{"-D", data}, r.settings(n)...)...)
	u.become(server)
	if r.process, err = launch(server); err != nil {
		return err
	}
	return r.fill(ctx, max(n/scaleBytes, 1))
}

// settings are the server's command line for n bytes of memory.
func (r *postgresRun) settings(n int64) []string {
	var args []string
	for _, s := range []string{
		"shared_buffers=" + strconv.FormatInt(n>>20, 10) + "MB",
		"listen_addresses=", "unix_socket_directories=" + r.socket.dir(), "max_connections=32",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
		"max_wal_size=256MB", "min_wal_size=80MB", "checkpoint_timeout=1h", "autovacuum=off", "jit=off", "huge_pages=off",
	} {
		args = append(args, "-c", s)
	}
	return args
}

// fill makes pgbench's tables and reads them into shared_buffers.
func (r *postgresRun) fill(ctx context.Context, scale int64) error {
	err := r.process.until(ctx, func(ctx context.Context) error {
		_, err := r.query(ctx, "select 1")
		return err
	})
	if err != nil {
		return err
	}
	r.place.Log("postgres: fill %d accounts", scale*100_000)
	// G fills on the server, which is quicker than to send it.
	if err := finish(r.benchCommand(ctx, "-i", "-q", "-I", "dtGvp", "-s", strconv.FormatInt(scale, 10))); err != nil {
		return err
	}
	_, err = r.query(ctx, `create extension pg_prewarm;
		select pg_prewarm(oid) from pg_class where relname ~ '^pgbench_' and relkind in ('r', 'i')`)
	return err
}

// query returns the answer to a query, columns between bars.
func (r *postgresRun) query(ctx context.Context, text string) (string, error) {
	cmd := exec.CommandContext(ctx, r.psql, "-h", r.socket.dir(), "-U", superuser, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, superuser)
	said := &tail{}
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", r.psql, err, said)
	}
	return strings.TrimSpace(string(out)), nil
}

func (r *postgresRun) benchCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, r.pgbench, append(args, "-h", r.socket.dir(), "-U", superuser, superuser)...)
}

// Measure is part of Running. Its latencies are those of a closed load.
func (r *postgresRun) Measure(ctx context.Context, d time.Duration) ([]Metric, error) {
	logs, err := os.MkdirTemp("", "farswap-")
	if err != nil {
		return nil, fmt.Errorf("a folder for pgbench's log: %w", err)
	}
	defer func() { _ = os.RemoveAll(logs) }()
	seconds := max(int64(d/time.Second), 1)
	r.place.Log("postgres: %d clients, %d s", pgbenchClients, seconds)
	err = finish(r.benchCommand(ctx, "-n", "-c", strconv.Itoa(pgbenchClients), "-j", strconv.Itoa(pgbenchThreads),
		"-T", strconv.FormatInt(seconds, 10), "--random-seed", "1", "-l", "--log-prefix", filepath.Join(logs, "log")))
	if err != nil {
		return nil, err
	}
	result, err := readTransactions(logs)
	if err != nil {
		return nil, err
	}
	r.transactions += result.done
	if err := r.check(ctx); err != nil {
		return nil, err
	}
	return []Metric{
		{Name: "throughput", Unit: "tx/s", Value: float64(result.done) / result.seconds, Higher: true},
		result.quantile("p50", 50), result.quantile("p99", 99),
	}, nil
}

// balances adds up what each transaction has added to an account, a teller, a branch and to
// the history, and counts the transactions.
const balances = `select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers),
	(select sum(bbalance) from pgbench_branches), (select sum(delta) from pgbench_history), (select count(*) from pgbench_history)`

// check asks whether every transaction is in all four tables.
func (r *postgresRun) check(ctx context.Context) error {
	answer, err := r.query(ctx, balances)
	if err != nil {
		return err
	}
	return checkBalances(answer, r.transactions)
}

// checkBalances reads the answer to balances.
func checkBalances(answer string, transactions int64) error {
	f := strings.Split(answer, "|")
	if len(f) != 5 {
		return fmt.Errorf("postgres said %q when asked for its balances: %w", answer, errReply)
	}
	if f[0] != f[1] || f[0] != f[2] || f[0] != f[3] {
		return fmt.Errorf("accounts, tellers, branches and history add up to %s: %w", strings.Join(f[:4], ", "), ErrWrong)
	}
	if f[4] != strconv.FormatInt(transactions, 10) {
		return fmt.Errorf("the history has %s transactions of %d: %w", f[4], transactions, ErrWrong)
	}
	return nil
}

// Stop is part of Running. What the server has not written is not wanted.
func (r *postgresRun) Stop() error {
	var err error
	if r.process != nil {
		err = r.process.stop(syscall.SIGQUIT)
	}
	return errors.Join(err, r.socket.remove())
}
