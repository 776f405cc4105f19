package admin

import (
	"container/list"
	"net"
	"sync"
)

// silent are the connections on which no request has come yet, the oldest first.
type silent struct {
	mu     sync.Mutex // guards what follows
	queue  *list.List // of net.Conn
	places map[net.Conn]*list.Element
}

func newSilent() *silent { return &silent{queue: list.New(), places: make(map[net.Conn]*list.Element)} }

func (s *silent) add(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[conn] = s.queue.PushBack(conn)
}

func (s *silent) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place := s.places[conn]; place != nil {
		s.queue.Remove(place)
		delete(s.places, conn)
	}
}

func (s *silent) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.Len()
}

// closeOldest closes the one that has been silent for longest, but not the youngest: that one has just come.
func (s *silent) closeOldest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if oldest := s.queue.Front(); s.queue.Len() > 1 {
		conn := s.queue.Remove(oldest).(net.Conn)
		delete(s.places, conn)
		go conn.Close() // of TLS it may say goodbye first
	}
}
