#!/usr/bin/perl
# Banned functions, outside comments and texts. A rule is: names, paths where they are allowed, what to use instead.
use strict;
use warnings;

my @rules = (
    [qr/strcpy|strcat|sprintf|vsprintf|gets|strtok|stpcpy/, qr{^(tests|bench)/}, 'text_printf, snprintf or mem_printf'],
    [qr/atoi|atol|atoll|atof/, qr{^(tests|bench)/}, 'strtod or strtol with a check of the end'],
    [qr/s?rand|random|srandom|drand48|rand_r/, qr{^$}, 'a stream of base/rng.h'],
    [qr/system|popen|fork|vfork/, qr{^tests/}, 'posix_spawn'],
    [qr/malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|strdup|strndup|asprintf|vasprintf/,
        qr{^(base/mem\.c|base/json\.c|tests/|examples/|bench/|cli/)}, 'base/mem.h'],
    [qr/free/, qr{^(base/mem\.c|base/json\.c|tests/|examples/|bench/|cli/)}, 'mem_free, or json_text_free for jansson'],
    [qr/printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|fputc|perror|dprintf/, qr{^(cli/|tests/|examples/|bench/|tools/)},
        'events (base/event.h) or text buffers: the library never prints'],
    [qr/exit|_exit|abort|quick_exit/, qr{^(base/mem\.c|cli/|tests/|examples/|bench/|tools/)}, 'an error status: the library never exits'],
    [qr/pthread_create|thrd_create/, qr{^(base/pool\.c|cli/|tests/|bench/)}, 'exec->split or base/pool.h'],
);

my $any = join '|', map { $_->[0] } @rules;
my $bad = 0;
for my $path (@ARGV) {
    open(my $in, '<', $path) or die "$path: $!\n";
    local $/;
    my $text = <$in>;
    close $in;
    next unless $text =~ /\b(?:$any)\s*\(/;
    # comments, texts and characters become blanks that keep the line count
    $text =~ s{(/\*(?>[^*]+|\*(?!/))*\*/|//[^\n]*|"(?>[^"\\\n]+|\\.)*"|'(?>[^'\\\n]+|\\.)*')}{ my $s = $1; $s =~ s/[^\n]/ /g; $s }gse;
    my $line = 0;
    for my $row (split /\n/, $text, -1) {
        $line++;
        next unless $row =~ /\b(?:$any)\s*\(/;
        for my $rule (@rules) {
            my ($names, $allowed, $instead) = @$rule;
            next if $path =~ $allowed;
            while ($row =~ /(?<![\w.>])($names)\s*\(/g) {
                print "$path:$line: $1 is banned here; use $instead\n";
                $bad = 1;
            }
        }
    }
}
exit $bad;
