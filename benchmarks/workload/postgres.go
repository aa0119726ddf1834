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

	"github.com/farswap/farswap/benchmarks/lastwords"
)

// postgres is PostgreSQL under pgbench. The tables fit into shared_buffers, and are read into
// it before the first transaction. So a server with too little memory swaps, and does not read
// files again. Nothing is synced (fsync, synchronous_commit and full_page_writes are off),
// because otherwise the disk under the log would be measured. A quarter of the memory is for
// the new row versions of updates. Autovacuum is off, so that runs are alike.
var postgres = Workload{
	Name:  "postgres",
	About: "PostgreSQL, pgbench's TPC-B, 8 clients, tables in shared_buffers, fsync off",
	Needs: postgresCommands,
	Start: startPostgres,
}

var postgresCommands = []string{"initdb", "postgres", "pgbench", "psql"}

const (
	// scaleBytes is the memory for each unit of pgbench's scale, which is 100,000 accounts:
	// 15 MiB of tables and indexes, and room for updates.
	scaleBytes     = 20 << 20
	pgbenchClients = 8
	pgbenchThreads = 2
	// superuser is the role that initdb makes.
	superuser = "postgres"
)

// postgresRun is a PostgreSQL server that is up.
type postgresRun struct {
	place        Place
	paths        map[string]string // of postgresCommands
	memory       int64             // bytes
	socket       socket
	process      *process
	transactions int64 // so far
}

func startPostgres(ctx context.Context, place Place, size Size) (Running, error) {
	n, err := size.Bytes()
	if err != nil {
		return nil, err
	}
	r := &postgresRun{place: place, memory: n, paths: map[string]string{}}
	for _, command := range postgresCommands {
		if r.paths[command], err = Find(command); err != nil {
			return nil, err
		}
	}
	if r.socket, err = newSocket(); err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), r.Stop())
	}
	return r, nil
}

// start makes the database with a server outside of the control group, so that the files are
// not charged to the group. The page cache of files can be thrown away, and would hide how much
// memory the application needs.
func (r *postgresRun) start(ctx context.Context) error {
	r.place.Log("postgres: make an empty database")
	initdb := r.command(ctx, "initdb", "-D", r.data(), "-U", superuser, "-A", "trust", "-N", "-E", "UTF8", "--no-locale")
	rootless(initdb)
	if err := finish(ctx, "initdb", initdb); err != nil {
		return err
	}
	outside := func(ctx context.Context, name string, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, name, args...)
	}
	if err := r.serve(ctx, outside); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	// SIGINT is a fast shutdown, which writes everything to the files.
	if err := r.process.stop(syscall.SIGINT); err != nil {
		return err
	}
	if err := r.serve(ctx, r.place.Command); err != nil {
		return err
	}
	r.place.Log("postgres: read the tables into shared_buffers")
	_, err := r.query(ctx, "select pg_prewarm(oid) from pg_class where relname ~ '^pgbench_' and relkind in ('r', 'i')")
	return err
}

func (r *postgresRun) data() string { return filepath.Join(r.place.Dir(), "data") }

// serve starts a server, and waits until it answers.
func (r *postgresRun) serve(ctx context.Context, command func(context.Context, string, ...string) *exec.Cmd) error {
	server := command(context.WithoutCancel(ctx), r.paths["postgres"], r.settings()...)
	rootless(server)
	var err error
	if r.process, err = launch("the server", server); err != nil {
		return err
	}
	return r.process.until(ctx, func(ctx context.Context) error {
		_, err := r.query(ctx, "select 1")
		return err
	})
}

// settings are the server's command line.
func (r *postgresRun) settings() []string {
	args := []string{"-D", r.data()}
	for _, s := range []string{
		"shared_buffers=" + strconv.FormatInt(r.memory>>20, 10) + "MB",
		"listen_addresses=", "unix_socket_directories=" + r.socket.dir(), "max_connections=32",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
		"max_wal_size=256MB", "min_wal_size=80MB", "checkpoint_timeout=1h", "autovacuum=off", "jit=off", "huge_pages=off",
	} {
		args = append(args, "-c", s)
	}
	return args
}

// fill makes pgbench's tables.
func (r *postgresRun) fill(ctx context.Context) error {
	scale := max(r.memory/scaleBytes, 1)
	r.place.Log("postgres: fill %d accounts", scale*100_000)
	// Step G makes the rows on the server, which is quicker than sending them.
	if err := r.bench(ctx, "-i", "-q", "-I", "dtGvp", "-s", strconv.FormatInt(scale, 10)); err != nil {
		return err
	}
	_, err := r.query(ctx, "create extension pg_prewarm")
	return err
}

// command makes one of postgresCommands, outside of the control group.
func (r *postgresRun) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, r.paths[name], args...)
}

// query returns the answer to a query, columns between bars.
func (r *postgresRun) query(ctx context.Context, text string) (string, error) {
	cmd := r.command(ctx, "psql", "-h", r.socket.dir(), "-U", superuser, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, superuser)
	said := &lastwords.Tail{}
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask %q: %w: %s", text, err, said)
	}
	return strings.TrimSpace(string(out)), nil
}

// bench runs pgbench.
func (r *postgresRun) bench(ctx context.Context, args ...string) error {
	return finish(ctx, "pgbench", r.command(ctx, "pgbench", append(args, "-h", r.socket.dir(), "-U", superuser, superuser)...))
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
	err = r.bench(ctx, "-n", "-c", strconv.Itoa(pgbenchClients), "-j", strconv.Itoa(pgbenchThreads),
		"-T", strconv.FormatInt(seconds, 10), "--random-seed", "1", "-l", "--log-prefix", filepath.Join(logs, "log"))
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", r.process.orEnded(err))
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

// balances sums up what transactions have added to accounts, tellers, branches and the history,
// and counts the transactions.
const balances = `select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers),
	(select sum(bbalance) from pgbench_branches), (select sum(delta) from pgbench_history), (select count(*) from pgbench_history)`

// check asks the server whether every transaction is in all four tables.
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

// Stop is part of Running. SIGQUIT is an immediate shutdown, because nobody needs what the
// server has not written.
func (r *postgresRun) Stop() error {
	var err error
	if r.process != nil {
		err = r.process.stop(syscall.SIGQUIT)
	}
	return errors.Join(err, r.socket.remove())
}
