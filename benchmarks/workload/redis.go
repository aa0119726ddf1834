package workload

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The two Redis loads differ only in their keys.
var (
	redisGauss = redisLoad{
		name: "redis-gauss", about: "Redis, 10% SET, values of 1000 B, Gaussian keys", draw: gaussKeys,
	}.workload()
	redisUniform = redisLoad{
		name: "redis-uniform", about: "Redis, 10% SET, values of 1000 B, uniform keys", draw: uniformKeys,
	}.workload()
)

// redisLoad is a load on Redis.
type redisLoad struct {
	name, about string
	draw        distribution
}

var redisValues = values{1000, 1000}

const (
	redisWrites = 0.1
	// redisItem is the memory of one item, in bytes, with its overhead.
	redisItem = 1120
	// redisDepth is how many operations each connection has under way in the closed phase.
	redisDepth = 8
)

// redisRate is the rate of the open phase, a second. Redis waits for each page fault alone.
var redisRate = map[Size]float64{Small: 500, Medium: 5_000, Paper: 5_000}

func (l redisLoad) workload() Workload {
	return Workload{Name: l.name, About: l.about, Needs: []string{"redis-server"}, Start: l.start}
}

func (l redisLoad) start(ctx context.Context, place Place, size Size) (Running, error) {
	n, err := size.Bytes()
	if err != nil {
		return nil, err
	}
	path, err := Find("redis-server")
	if err != nil {
		return nil, err
	}
	socket, err := newSocket()
	if err != nil {
		return nil, err
	}
	s := &store{
		keys: max(n/redisItem, connections), values: redisValues, draw: l.draw, writes: redisWrites, seed: 1,
		dial: func() (net.Conn, pipe, error) { return dialRedis(socket.path) },
	}
	run := &storeRun{
		name: l.name, store: s, shares: s.shares(), socket: socket, log: place.Log,
		depth: redisDepth, rate: redisRate[size], holds: func() (int64, error) { return redisHolds(socket.path) },
	}
	place.Log("%s: fill %d keys", l.name, s.keys)
	return run.start(ctx, place.Command(context.WithoutCancel(ctx), path,
		"--port", "0", "--unixsocket", socket.path, "--unixsocketperm", "600", "--dir", place.Dir(),
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--databases", "1"))
}

// redisPipe is a connection to Redis. Package redis allows one sender and one receiver at a
// time, as an open load needs.
type redisPipe struct {
	conn       redis.Conn
	key, value []byte // scratch of the sender
	filling    bool
}

func dialRedis(path string) (net.Conn, pipe, error) {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return nil, nil, err
	}
	return conn, &redisPipe{conn: redis.NewConn(conn, 0, 0)}, nil
}

func (r *redisPipe) send(op operation) error {
	r.key = appendKey(r.key[:0], op.key)
	if !op.write {
		return r.conn.Send("GET", r.key)
	}
	r.value = redisValues.appendValue(r.value[:0], op.key, op.version)
	return r.conn.Send("SET", r.key, r.value)
}

func (r *redisPipe) flush() error { return r.conn.Flush() }

func (r *redisPipe) receive(op operation) error {
	answer, err := r.conn.Receive()
	if err != nil {
		return err
	}
	if op.write {
		return expectOK(answer)
	}
	switch value := answer.(type) {
	case nil:
		return errMiss
	case []byte:
		return redisValues.check(value, op.key, op.version)
	}
	return fmt.Errorf("redis said %v when asked for key %d: %w", answer, op.key, errReply)
}

func expectOK(answer any) error {
	if answer != "OK" {
		return fmt.Errorf("redis said %v and should say OK: %w", answer, errReply)
	}
	return nil
}

func (r *redisPipe) fill(op operation) error {
	if !r.filling {
		r.filling = true
		if err := r.conn.Send("CLIENT", "REPLY", "OFF"); err != nil {
			return err
		}
	}
	return r.send(op)
}

// filled makes Redis answer again. The number of keys shows whether writes failed.
func (r *redisPipe) filled() error {
	err := r.conn.Send("CLIENT", "REPLY", "ON")
	if err == nil {
		err = r.conn.Flush()
	}
	if err != nil {
		return err
	}
	answer, err := r.conn.Receive()
	if err != nil {
		return err
	}
	return expectOK(answer)
}

// redisHolds asks how many keys there are.
func redisHolds(path string) (int64, error) {
	conn, err := redis.Dial("unix", path, redis.DialConnectTimeout(time.Second),
		redis.DialReadTimeout(openPatience), redis.DialWriteTimeout(openPatience))
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return redis.Int64(conn.Do("DBSIZE"))
}
